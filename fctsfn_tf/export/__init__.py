"""A preset for other run times: TensorFlow.js, SavedModel, ONNX, LiteRT.

In: a preset. Out: its image part and click part as files, with a manifest.
Open first: `export.py`.
"""
