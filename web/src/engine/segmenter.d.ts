/**
 * Click-to-segment in the browser. Positions are (x, y) in pixels of the photograph, upright as its
 * EXIF data says, x to the right and y down. Everything runs in a worker of the page's own origin.
 */

/** Bad input: one line that says what is wrong and how to mend it, fit to be shown. */
export class InputError extends Error {}

export interface Point {
  x: number;
  y: number;
  /** 1: on the object, 0: not on it. */
  label: 0 | 1;
}

/** What there is to show after a step. Arrays are row by row, [height, width]. */
export interface Snapshot {
  width: number;
  height: number;
  /** 1 on the object, 0 elsewhere; null before the first click. */
  mask: Uint8Array | null;
  /** Pixels of the mask. */
  area: number;
  /** Of the present object, oldest first. */
  clicks: Point[];
  canUndo: boolean;
  canRedo: boolean;
  hasStartMask: boolean;
  /** Milliseconds in the image part for this click; 0 where it had run already. */
  encodeMs: number;
  /** Milliseconds that the rest of this click took. */
  clickMs: number;
  /** Where the network looked closely; null where it saw the whole photograph. */
  box: { top: number; left: number; bottom: number; right: number } | null;
  /** The present object, from 0. */
  object: number;
  numObjects: number;
  /** Index map of the other objects: i + 1 on object i. Null where there is one object. */
  others: Uint8Array | null;
}

export interface LoadOptions {
  /** Called with the share of the network that has been fetched, in [0, 1]. */
  onProgress?: (fraction: number) => void;
  /** Without it the quickest that works is taken. */
  backend?: "webgpu" | "webgl" | "wasm" | "cpu";
}

export interface ImageOptions {
  /**
   * Called with the decoded photograph before the network reads it. `isScaled`: it was larger than
   * 16.7 megapixels, and everything else is in pixels of this smaller one.
   */
  onDecoded?: (decoded: { bitmap: ImageBitmap; isScaled: boolean }) => void;
}

export interface ClickOptions {
  /**
   * Called on the first click on an object with the mask of a first look, while the network looks
   * again. Show it, so that nobody waits; the promise brings the mask that holds.
   */
  onGlance?: (glance: Snapshot) => void;
}

/** Of the present object: a PNG. */
export type ObjectFormat = "mask" | "cutout" | "probability";
/** Of all objects. */
export type Format = ObjectFormat | "index" | "coco" | "labelme" | "yolo" | "svg";

export interface FileOptions {
  /** The photograph's file name, for COCO and labelme. */
  imageName?: string;
  /** One per object; an empty or no name is "object". */
  names?: string[];
  /** Masks of your own in the place of the segmenter's, one per object, [height, width] of 0 and 1. */
  masks?: Uint8Array[];
  /** Which of these masks "mask" and "cutout" are about. */
  object?: number;
  /** A cut-out whose edges are soft, in the object's own colours. */
  soft?: boolean;
  /** A cut-out that is as large as the object. */
  crop?: boolean;
  /** What a cut-out lies on: "#rrggbb", or a picture, which covers it. Nothing: transparent. */
  background?: string | Blob | null;
}

/**
 * Steps may be called without waiting for the one before: they are done in order, and a step whose
 * answer a newer one has made needless resolves to null; its click counts all the same.
 *
 * Every method rejects with `InputError` where a person can mend it.
 */
export class Segmenter {
  /**
   * @param url the folder that `fctsfn export --format tfjs` wrote, relative to the page
   */
  static load(url: string | URL, options?: LoadOptions): Promise<Segmenter>;

  /** "webgpu", "webgl", "wasm" or "cpu". */
  readonly backend: string;
  /** The same for people, such as "WebAssembly, SIMD". */
  readonly backendName: string;
  /** The preset's threshold. */
  readonly threshold: number;
  /** Name of the preset that was exported. */
  readonly preset: string;
  /** One line on what its weights may be used for; "" where the export has none. */
  readonly licence: string;
  /** The latest; null before the first photograph. */
  readonly snapshot: Snapshot | null;

  /** Start on a photograph: a file, a URL, or anything that `createImageBitmap` takes. */
  setImage(
    source: Blob | string | URL | ImageBitmapSource,
    options?: ImageOptions,
  ): Promise<Snapshot | null>;

  /** One more click. The first one must have label 1, unless there is a start mask. */
  click(x: number, y: number, label?: 0 | 1, options?: ClickOptions): Promise<Snapshot | null>;
  /** These clicks instead of the present ones; costs only what differs. */
  setClicks(clicks: Point[]): Promise<Snapshot | null>;
  /** Without the latest click, exactly as it was. */
  undo(): Promise<Snapshot | null>;
  redo(): Promise<Snapshot | null>;
  /** Forget all clicks: back to the start mask or to nothing. */
  reset(): Promise<Snapshot | null>;
  /** Start from a mask, an array of 0 and 1 or a file; null: from nothing. Forgets the clicks. */
  setMask(mask: Uint8Array | Blob | null): Promise<Snapshot | null>;
  /** What is object: probability above this, in [0, 0.999]. */
  setThreshold(threshold: number): Promise<Snapshot | null>;

  /** Keep the present object and start on the next one. */
  newObject(): Promise<Snapshot | null>;
  /** Go on with another object, exactly where it was left. */
  selectObject(index: number): Promise<Snapshot | null>;
  removeObject(index: number): Promise<Snapshot | null>;

  /** Of the present object, [height, width] in [0, 1]. */
  probability(): Promise<Float32Array>;
  /**
   * A file: PNG of the present object ("mask" black and white, "cutout" RGBA, "probability" grey);
   * index PNG, COCO JSON, labelme JSON, YOLO segmentation or SVG of all objects.
   */
  toMask(format?: Format, what?: FileOptions): Promise<Blob>;
  /**
   * The masks in a file that belongs to the photograph: a COCO file's with their names; else an index
   * PNG's, one per index; else the one mask of a picture.
   */
  readMasks(file: Blob): Promise<{ name: string; mask: Uint8Array }[]>;

  /** What TensorFlow.js holds. */
  memory(): Promise<{ numTensors: number; numBytes: number }>;
  /** Free everything and end the worker. */
  dispose(): Promise<void>;
}
