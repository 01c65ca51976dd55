"""Models that write about pictures, of the true classes, with seeded weights and a tokenizer of their own."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

SYLLABLES = [a + b for a in "bdfghjklmnprstvwz" for b in "aeiou"]
_PICTURES = {"do_resize": True, "do_center_crop": False, "do_normalize": True, "do_rescale": True}


def words(count: int) -> list[str]:
    """So many words of one to three syllables, all different."""
    made = itertools.chain.from_iterable(itertools.product(SYLLABLES, repeat=n) for n in (1, 2, 3))
    return ["".join(parts) for parts in itertools.islice(made, count)]


def blip(folder: Path, *, true_size: bool = False) -> Path:
    """BLIP, small or as BLIP base is: ViT-B/16 at 384 × 384 and BERT base with cross-attention."""
    from transformers import BlipConfig, BlipForConditionalGeneration

    vocabulary = _word_pieces(folder, 30522 if true_size else 400)
    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    side = 384 if true_size else 96
    ids = {"bos_token_id": vocabulary, "sep_token_id": 102, "eos_token_id": 2, "pad_token_id": 0}
    config = BlipConfig(
        vision_config={"image_size": side, **({} if true_size else sizes)},
        text_config={"vocab_size": vocabulary + 2, **ids}
        | ({} if true_size else {"encoder_hidden_size": 64, "projection_dim": 64, **sizes}),
    )
    return _saved(BlipForConditionalGeneration(config), folder, "BlipImageProcessor", side)


def blip2(folder: Path, *, shards: bool = False) -> Path:
    """BLIP-2, a small configuration: vision, Q-Former, and OPT."""
    from transformers import Blip2Config, Blip2ForConditionalGeneration

    image = _byte_pairs(folder)
    sizes: dict[str, Any] = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config = Blip2Config(
        vision_config={"image_size": 56, "patch_size": 14, **sizes},
        qformer_config={"vocab_size": 32, "encoder_hidden_size": 64, **sizes},
        text_config={
            **{"model_type": "opt", "vocab_size": image + 7, "hidden_size": 64, "ffn_dim": 128, "num_hidden_layers": 2},
            **{"num_attention_heads": 4, "word_embed_proj_dim": 64, "max_position_embeddings": 128},
            **{"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 1},
        },
        num_query_tokens=8,
        image_token_index=image,
    )
    facts = {"processor_class": "Blip2Processor", "num_query_tokens": config.num_query_tokens}
    (folder / "processor_config.json").write_text(json.dumps(facts))
    return _saved(Blip2ForConditionalGeneration(config), folder, "BlipImageProcessor", 56, shards=shards)


def florence2(folder: Path) -> Path:
    """Florence-2, a small configuration: DaViT and BART."""
    from transformers import Florence2Config, Florence2ForConditionalGeneration

    image = _byte_pairs(folder, image_token="<image>")
    config = Florence2Config(
        vision_config={
            **{
                "depths": [1, 1, 1, 1],
                "embed_dim": [16, 32, 48, 64],
                "num_heads": [2, 2, 2, 2],
                "num_groups": [2, 2, 2, 2],
            },
            **{"window_size": 4, "projection_dim": 64, "max_temporal_embeddings": 10, "max_position_embeddings": 10},
        },
        text_config={
            **{"model_type": "bart", "vocab_size": image + 7, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2},
            **{
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "encoder_ffn_dim": 128,
                "decoder_ffn_dim": 128,
            },
            **{"max_position_embeddings": 128, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 1},
            **{"decoder_start_token_id": 3, "forced_eos_token_id": 3},
        },
        image_token_id=image,
    )
    made = _saved(Florence2ForConditionalGeneration(config), folder, "CLIPImageProcessor", 128)
    facts = {"processor_class": "Florence2Processor", "num_additional_image_tokens": 0}
    (folder / "processor_config.json").write_text(json.dumps(facts))
    pictures = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**pictures, "image_seq_length": 17}))
    return made


def _word_pieces(folder: Path, count: int) -> int:
    """A tokenizer as BERT has it, with its special tokens where BERT has them; how many words it knows."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import BertTokenizerFast

    special = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}
    places = [place for place in range(count) if place not in special.values()]
    plain = ["a", "photograph", "of", *words(count)]
    vocabulary = special | dict(zip(plain, places, strict=False))
    pieces = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.decoder = decoders.WordPiece()
    pieces.post_processor = processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))
    tokenizer = BertTokenizerFast(tokenizer_object=pieces)
    tokenizer.add_special_tokens({"additional_special_tokens": ["[DEC]", "[ENC]"]})
    tokenizer.save_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids("[DEC]") == count
    return count


def _byte_pairs(folder: Path, **named: str) -> int:
    """A tokenizer as GPT-2 has it; the place of the token that stands for the picture, which may be ``named``."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    special = ["<unk>", "<pad>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces.train_from_iterator([" ".join(words(300)), "Question: how many dogs are there? Answer:"], trainer)
    names = {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, **names, extra_special_tokens=named)
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    tokenizer.save_pretrained(folder)
    return int(tokenizer.convert_tokens_to_ids("<image>"))


def _saved(model: Any, folder: Path, pictures: str, side: int, *, shards: bool = False) -> Path:
    """With seeded weights, large enough that what it writes depends on the picture."""
    import torch

    seed = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0, 1.5 / weights[0].numel() ** 0.5, generator=seed)
    model.save_pretrained(folder, **({"max_shard_size": "100KB"} if shards else {}))
    facts = {**_PICTURES, "image_processor_type": pictures, "size": {"height": side, "width": side}}
    (folder / "preprocessor_config.json").write_text(json.dumps(facts))
    return folder
