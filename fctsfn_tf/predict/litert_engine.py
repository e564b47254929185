"""The two parts of a network as an `Engine`, on LiteRT: TensorFlow's small runtime, on processors.

The parts are the files that `presets.add_litert_parts` writes. Keras and TensorFlow stay out.
"""

from __future__ import annotations

import os
import weakref
from importlib.util import find_spec

import numpy as np

from fctsfn_tf.errors import InputError
from fctsfn_tf.predict.engine import Engine
from fctsfn_tf.predict.views import SIDE_MULTIPLE

# Beyond four threads little is won at the size that a network sees.
MAX_THREADS = 4
# Says how many threads a process may use, as other libraries read it.
THREADS_VARIABLE = "OMP_NUM_THREADS"


def is_installed() -> bool:
    """Whether LiteRT is here; it has no wheels for some systems (see setup.cfg)."""
    return find_spec("ai_edge_litert") is not None


class LitertEngine(Engine):
    """A network in two LiteRT files; it needs nothing but these, so it can be pickled."""

    def __init__(self, name: str, image_part: bytes, click_part: bytes) -> None:
        """
        Args:
            name: of the network, for messages.
            image_part, click_part: contents of the files.

        Raises:
            InputError: they are no LiteRT files, or not the two parts of one network.
        """
        self.name = name
        self._image_part, self._click_part = _Part(image_part), _Part(click_part)
        side = SIDE_MULTIPLE
        try:
            self.num_click_maps = self._click_part.channels_of("click_maps")
            features = self.encode(np.zeros((side, side, 3), np.float32))
            maps = np.zeros((1, side, side, self.num_click_maps), np.float32)
            outputs = self._click_part(**features, click_maps=maps)
            if "candidates" in outputs:
                self.num_candidates = outputs["candidates"].shape[-1]
        except (KeyError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"The LiteRT parts of '{name}' must be the image part and the click part of one "
                f"network. Write them again with fctsfn export. LiteRT says: {reason:.200}"
            ) from None

    def encode(self, image: np.ndarray) -> dict[str, np.ndarray]:
        """See `Engine.encode`; features by name, each (1, height', width', channels), read-only."""
        features = self._image_part(image=image[None])
        for feature in features.values():
            feature.setflags(write=False)  # an interpreter that holds them must not miss a change
        return features

    def click(self, features: dict[str, np.ndarray], click_maps: np.ndarray) -> np.ndarray:
        """See `Engine.click`."""
        return self._click_part(**features, click_maps=click_maps[None])["logits"][0, :, :, 0]

    def answers(
        self, features: dict[str, np.ndarray], click_maps: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `Engine.answers`."""
        if not self.num_candidates:
            return super().answers(features, click_maps)
        outputs = self._click_part(**features, click_maps=click_maps[None])
        masks = np.concatenate([outputs["logits"][0], outputs["candidates"][0]], axis=-1)
        return masks.transpose(2, 0, 1), outputs["predicted_iou"][0]


class _Part:
    """One file, with as many interpreters as threads have run it at one time."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        # Process → interpreters at rest. A forked child makes its own and leaves those of its
        # parent alone: their threads have not come along.
        self._at_rest: dict[int, list[_Interpreter]] = {}

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name, arrays of their own."""
        interpreter = self._take()
        outputs = interpreter(inputs)
        self._give_back(interpreter)
        return outputs

    def channels_of(self, name: str) -> int:
        """How many channels an input has."""
        interpreter = self._take()
        shape = interpreter.inputs[name]["shape"]
        self._give_back(interpreter)
        return int(shape[-1])

    def _take(self) -> _Interpreter:
        at_rest = self._at_rest.setdefault(os.getpid(), [])
        try:
            return at_rest.pop()  # in one step, so no two threads get the same
        except IndexError:
            return _Interpreter(self._content)

    def _give_back(self, interpreter: _Interpreter) -> None:
        self._at_rest[os.getpid()].append(interpreter)

    def __getstate__(self) -> bytes:
        return self._content

    def __setstate__(self, content: bytes) -> None:
        self.__init__(content)


class _Interpreter:
    """A part made ready to run, for one thread at a time.

    LiteRT keeps its inputs from run to run. So a photograph's features, which are the same arrays
    at each of its clicks, are copied in once.
    """

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._litert = Interpreter(model_content=content, num_threads=_num_threads())
        signature = self._litert.get_signature_runner()
        self.inputs = signature.get_input_details()
        self._outputs = signature.get_output_details()
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._held: dict[str, weakref.ref[np.ndarray]] = {}

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        shapes = {name: array.shape for name, array in inputs.items()}
        if shapes != self._shapes:
            self._resize(shapes)
        for name, array in inputs.items():
            held = self._held.get(name)
            if held is None or held() is not array:
                self._litert.set_tensor(self.inputs[name]["index"], array)
                self._held[name] = weakref.ref(array)
        self._litert.invoke()
        return {
            name: self._litert.get_tensor(output["index"]) for name, output in self._outputs.items()
        }

    def _resize(self, shapes: dict[str, tuple[int, ...]]) -> None:
        if shapes.keys() != self.inputs.keys():
            raise ValueError(f"expected the inputs {sorted(self.inputs)}, got {sorted(shapes)}")
        self._shapes, self._held = {}, {}
        for name, shape in shapes.items():
            self._litert.resize_tensor_input(self.inputs[name]["index"], shape)
        self._litert.allocate_tensors()
        self._shapes = shapes


def _num_threads() -> int:
    asked = os.environ.get(THREADS_VARIABLE, "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return min(MAX_THREADS, os.cpu_count() or 1)
