"""A loaded model that writes about pictures, shared by threads: who comes while it writes joins the next run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookhear.errors import InvalidOptions
from lookhear.models.batching import Batcher, Feeds

Pixels = NDArray[np.uint8]  # (height, width, 3) sRGB
_PROMPT, _BEAMS = "prompt", "num_beams"  # facts of a family: what it writes by unless it is told


class Captioner:
    """``model`` and ``processor`` of transformers. ``most``: pictures in a run."""

    def __init__(self, model: Any, processor: Any, facts: Mapping[str, Any], most: int) -> None:
        self.model = model
        self.processor = processor
        self.most = max(1, most)
        self._dtype = _most_common(model)
        self._facts = facts
        self._batcher = Batcher(self._generate, self.most)

    @property
    def precision(self) -> str:
        """The type of what it computes with, as ``float16``."""
        return str(self._dtype).removeprefix("torch.")

    def write(
        self,
        pictures: Sequence[Pixels],
        prompt: str | None = None,
        *,
        max_new_tokens: int,
        num_beams: int | None = None,
    ) -> list[str]:
        """A text about each picture, without the ``prompt`` it goes on from; empty where it has nothing to say.

        None: what suits the model. The likeliest text is searched for, nothing is drawn by lot. Raises InvalidOptions
        for a prompt that it does not take.
        """
        beams = num_beams or int(self._facts.get(_BEAMS, 1))
        texts: list[str] = []
        for start in range(0, len(pictures), self.most):
            feeds = self.feeds(pictures[start : start + self.most], prompt)
            (tokens,) = self._batcher(feeds, max_new_tokens, beams)
            texts += self._texts(tokens, feeds)
        return texts

    def feeds(self, pictures: Sequence[Pixels], prompt: str | None = None) -> Feeds:
        """What goes into the model: pictures as its processor has them, and the prompt. Raises InvalidOptions."""
        from PIL import Image

        prompt = prompt or self._facts.get(_PROMPT)
        images = [Image.fromarray(picture) for picture in pictures]
        text = [prompt] * len(images) if prompt else None
        try:
            made = self.processor(images=images, text=text, return_tensors="np")
        except ValueError as error:
            if prompt == self._facts.get(_PROMPT):
                raise
            raise InvalidOptions(f"The model does not take the prompt '{prompt}': {error}") from error
        return {name: np.asarray(made[name]) for name in made}

    def first_scores(self, feeds: Feeds) -> NDArray[np.float32]:
        """(rows, words): how well each word of its vocabulary would begin the text."""
        out = self._run(feeds, max_new_tokens=1, num_beams=1, output_logits=True, return_dict_in_generate=True)
        scores: NDArray[np.float32] = out.logits[0].float().cpu().numpy()
        return scores

    def warm_up(self) -> None:
        """Write one word about a grey picture, so that the first caller does not wait for what is made at first use."""
        self._run(self.feeds([np.full((64, 64, 3), 128, np.uint8)]), max_new_tokens=1, num_beams=1)

    def _generate(self, feeds: Feeds, max_new_tokens: int, num_beams: int) -> list[NDArray[Any]]:
        return [self._run(feeds, max_new_tokens=max_new_tokens, num_beams=num_beams).cpu().numpy()]

    def _run(self, feeds: Feeds, **how: Any) -> Any:
        import torch

        tensors = {name: torch.tensor(array, device=self.model.device) for name, array in feeds.items()}
        inputs = {
            name: tensor.to(self._dtype) if tensor.is_floating_point() else tensor for name, tensor in tensors.items()
        }
        with torch.inference_mode():
            return self.model.generate(**inputs, do_sample=False, **how)

    def _texts(self, tokens: NDArray[Any], feeds: Feeds) -> list[str]:
        """Decoders begin with the prompt, models with an encoder do not."""
        texts = self.processor.batch_decode(tokens, skip_special_tokens=True)
        if "input_ids" in feeds and not self.model.config.is_encoder_decoder:
            prompts = self.processor.batch_decode(feeds["input_ids"], skip_special_tokens=True)
            texts = [text.removeprefix(prompt) for text, prompt in zip(texts, prompts, strict=True)]
        return [text.strip() for text in texts]


def _most_common(model: Any) -> Any:
    """The floating type of most of its weights; some parts may be kept more exact."""
    sizes: Counter[Any] = Counter()
    for weights in model.parameters():
        if weights.is_floating_point():
            sizes[weights.dtype] += weights.numel()
    return sizes.most_common(1)[0][0]
