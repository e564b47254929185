/**
 * ZIP files whose parts are stored as they are: photographs are compressed already, and so every
 * program that opens ZIP files finds them. Source: PKWARE's APPNOTE 6.3.10, §4.3.
 */

import { InputError } from "../engine/segmenter.js";

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const UTF8 = 1 << 11;
const VERSION = 20;
const DATE = (1 << 5) | 1; // 1 January 1980: the same work gives the same file
const MAX_COMMENT = 2 ** 16;
const END_LENGTH = 22;

/** CRC-32 of each byte (ISO 3309). */
const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  for (let bit = 0; bit < 8; bit++) i = i & 1 ? 0xedb88320 ^ (i >>> 1) : i >>> 1;
  return i;
});

/** @param {Map<string, Blob>} parts by name @returns {Promise<Blob>} */
export async function zipped(parts) {
  const [files, entries] = [[], []];
  let offset = 0;
  for (const [name, blob] of parts) {
    const encoded = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    // Time, date, CRC, size, size, and how long the name and what follows it are.
    const common = [
      ...short(VERSION, UTF8, 0, 0, DATE),
      ...long(crc, blob.size, blob.size),
      ...short(encoded.length, 0),
    ];
    const local = Uint8Array.from([...long(LOCAL), ...common, ...encoded]);
    files.push(local, blob);
    const place = [...short(0, 0, 0), ...long(0, offset)];
    entries.push(...long(CENTRAL), ...short(VERSION), ...common, ...place, ...encoded);
    offset += local.length + blob.size;
  }
  const count = [parts.size, parts.size];
  const end = [
    ...long(END),
    ...short(0, 0, ...count),
    ...long(entries.length, offset),
    ...short(0),
  ];
  return new Blob([...files, Uint8Array.from([...entries, ...end])], { type: "application/zip" });
}

/** @param {Blob} file @returns {Promise<Map<string, Blob>>} parts by name, which hold no copies */
export async function unzipped(file) {
  const tailStart = Math.max(0, file.size - END_LENGTH - MAX_COMMENT);
  const tail = await viewOf(file.slice(tailStart));
  let end = tail.byteLength - END_LENGTH;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw new InputError("This is no ZIP file, or its end is missing. Copy it again.");
  const [length, start] = [tail.getUint32(end + 12, true), tail.getUint32(end + 16, true)];
  const directory = await viewOf(file.slice(start, start + length));
  const parts = new Map();
  let at = 0;
  while (at + 46 <= directory.byteLength && directory.getUint32(at, true) === CENTRAL) {
    const [method, size, offset] = [
      directory.getUint16(at + 10, true),
      directory.getUint32(at + 20, true),
      directory.getUint32(at + 42, true),
    ];
    const lengths = [28, 30, 32].map((field) => directory.getUint16(at + field, true));
    const name = new TextDecoder().decode(
      new Uint8Array(
        directory.buffer,
        at + 46,
        Math.min(lengths[0], directory.byteLength - at - 46),
      ),
    );
    parts.set(name, await part(file, name, method, offset, size));
    at += 46 + lengths[0] + lengths[1] + lengths[2];
  }
  return parts;
}

async function part(file, name, method, offset, size) {
  if (method !== 0 && method !== 8) {
    throw new InputError(`“${name}” in the ZIP file is packed in a way that is not known here.`);
  }
  const local = await viewOf(file.slice(offset, offset + 30));
  if (local.byteLength < 30 || local.getUint32(0, true) !== LOCAL) {
    throw new InputError(`“${name}” is missing in the ZIP file. Copy the file again.`);
  }
  const start = offset + 30 + local.getUint16(26, true) + local.getUint16(28, true);
  const packed = file.slice(start, start + size);
  if (packed.size < size) {
    throw new InputError(`“${name}” is cut off in the ZIP file. Copy the file again.`);
  }
  if (method === 0) return packed;
  // Somebody packed the parts again with another program.
  const stream = packed.stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).blob();
}

/** @param {Uint8Array} bytes */
export function crc32(bytes) {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = TABLE[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

async function viewOf(blob) {
  return new DataView(await blob.arrayBuffer());
}

function short(...values) {
  return values.flatMap((value) => [value & 255, (value >> 8) & 255]);
}

function long(...values) {
  return values.flatMap((value) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255));
}
