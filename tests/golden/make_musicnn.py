"""Make musicnn.json and checkpoint/ anew: python tests/golden/make_musicnn.py FOLDER.

FOLDER is the package ``musicnn`` out of its wheel (pip download --no-deps musicnn==0.1.0; unzip). It takes an environment
of its own with tensorflow-cpu, tf_keras and librosa. The networks are built by the package's own models.py, with its
published weights restored by TensorFlow; the spectrogram is librosa's, in float32.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "1"

import librosa
import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent
NETWORKS = ("MTT_musicnn", "MSD_musicnn")
FRAMES = 187


def main(package: Path) -> None:
    """Tags and embedding of each patch of the signal beside this file, and a small checkpoint of TensorFlow's."""
    sys.path.insert(0, str(package.parent))
    tf.compat.v1.disable_eager_execution()
    spec = importlib.util.spec_from_file_location("tune16k", HERE / "tune16k.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    power = librosa.feature.melspectrogram(y=module.tune(), sr=16000, n_fft=512, hop_length=256, n_mels=96).T
    rows = np.log10(10000 * power + 1)
    patches = rows[: len(rows) // FRAMES * FRAMES].reshape(-1, FRAMES, 96)
    golden = {
        "tensorflow": tf.__version__,
        "librosa": librosa.__version__,
        "rows": len(rows),
        "log_mel": _short(rows[::29, ::7]),
        "networks": {name: _answer(package, name, patches) for name in NETWORKS},
    }
    (HERE / "musicnn.json").write_text(json.dumps(golden) + "\n")
    _small_checkpoint()


def _answer(package: Path, name: str, patches: Any) -> dict[str, Any]:
    from musicnn import models

    tf.compat.v1.reset_default_graph()
    with tf.name_scope("model"):
        x = tf.compat.v1.placeholder(tf.float32, [None, FRAMES, 96])
        training = tf.compat.v1.placeholder(tf.bool)
        outputs = models.define_model(x, training, name, 50)
    with tf.compat.v1.Session() as session:
        tf.compat.v1.train.Saver().restore(session, f"{package / name}/")
        tags, embedding = session.run([tf.nn.sigmoid(outputs[0]), outputs[-1]], {x: patches, training: False})
    return {"tags": _short(tags), "embedding": _short(embedding[:, ::4])}


def _short(values: Any) -> Any:
    return [[float(f"{value:.7g}") for value in row] for row in values.tolist()]


def _small_checkpoint() -> None:
    """A few tensors whose values can be told: see test_tf_checkpoint.py."""
    tf.compat.v1.reset_default_graph()
    with tf.compat.v1.Session() as session:
        for i in range(40):  # more than one stretch of keys
            values = np.float32(i) + np.arange(6, dtype=np.float32).reshape(2, 3)
            tf.compat.v1.get_variable(f"layer_{i}/kernel", initializer=values)
        tf.compat.v1.get_variable("long", initializer=np.arange(700, dtype=np.float32) ** 2)
        tf.compat.v1.get_variable("scalar", initializer=np.float32(0.5))
        tf.compat.v1.get_variable("whole", initializer=np.arange(3, dtype=np.int64))
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver()
        saver.save(session, str(HERE / "checkpoint" / "small"), write_meta_graph=False, write_state=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
