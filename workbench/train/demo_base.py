"""Makes the demo base and the demo data: `python -P -m workbench.train.demo_base OUT_DIR [--steps N]`.

Writes OUT_DIR/base (a Llama checkpoint with its tokenizer) and OUT_DIR/data (JSONL). The result that
ships with the program was made by this script with its default arguments.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer
from tokenizers.decoders import Fuse
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split
from tokenizers.processors import TemplateProcessing
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from workbench.demo.skills import BASE_SKILLS, HELD_OUT_SKILLS, draw_distinct, draw_example

SPECIAL = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>"}
DATA_SEED = 20241122
TRAIN_EXAMPLES, EVAL_EXAMPLES = 6000, 240


def character_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer with one token for each printable ASCII character, so any ASCII text can be read."""
    characters = [*SPECIAL.values(), "\n", *map(chr, range(32, 127))]
    inner = Tokenizer(WordLevel({c: i for i, c in enumerate(characters)}, unk_token="<unk>"))
    inner.pre_tokenizer = Split(Regex(r"[\s\S]"), behavior="isolated")
    inner.decoder = Fuse()
    inner.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", characters.index("<bos>"))])
    return PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=256, **SPECIAL)


def demo_config(vocab_size: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )


def _batch(tokenizer: PreTrainedTokenizerFast, rng: random.Random, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    rows, targets = [], []
    for _ in range(size):
        example = draw_example(BASE_SKILLS, rng)
        prompt = tokenizer(example["prompt"])["input_ids"]
        completion = tokenizer(example["completion"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
        rows.append(prompt + completion)
        targets.append([-100] * len(prompt) + completion)
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    labels = torch.tensor([row + [-100] * (width - len(row)) for row in targets])
    return ids, labels


def pretrain(steps: int, batch: int, lr: float, seed: int) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """Trains the base on `BASE_SKILLS` with AdamW, a short warm-up and a cosine schedule."""
    torch.manual_seed(seed)
    tokenizer = character_tokenizer()
    model = LlamaForCausalLM(demo_config(len(tokenizer)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / 200) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
    )
    rng, began = random.Random(seed), time.monotonic()
    for step in range(1, steps + 1):
        ids, labels = _batch(tokenizer, rng, batch)
        loss = model(input_ids=ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 200 == 0 or step == steps:
            print(f"step {step}/{steps} loss {loss.item():.4f} {time.monotonic() - began:.0f} s", flush=True)
    return model, tokenizer


def skill_accuracy(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, per_skill: int = 50
) -> dict[str, float]:
    """Share of greedy generations that are right to the last character and then stop, per skill."""
    model.eval()
    accuracy = {}
    for name, skill in {**BASE_SKILLS, **HELD_OUT_SKILLS}.items():
        right = 0
        for example in draw_distinct({name: skill}, per_skill, seed=7):
            ids = torch.tensor([tokenizer(example["prompt"])["input_ids"]])
            with torch.no_grad():
                out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
            text = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=False)
            right += text == example["completion"] + "<eos>"
        accuracy[name] = right / per_skill
    return accuracy


def write_data(folder: Path) -> None:
    """Writes train.jsonl and eval.jsonl of the held-out skills; no prompt stands in both."""
    folder.mkdir(parents=True, exist_ok=True)
    examples = draw_distinct(HELD_OUT_SKILLS, TRAIN_EXAMPLES + EVAL_EXAMPLES, DATA_SEED)
    for name, part in (("eval", examples[:EVAL_EXAMPLES]), ("train", examples[EVAL_EXAMPLES:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(e) + "\n" for e in part), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data-only", action="store_true")
    arguments = parser.parse_args()
    write_data(arguments.out / "data")
    if arguments.data_only:
        return
    model, tokenizer = pretrain(arguments.steps, arguments.batch, arguments.lr, arguments.seed)
    model = model.to(torch.bfloat16)
    model.save_pretrained(arguments.out / "base")
    tokenizer.save_pretrained(arguments.out / "base")
    for name, share in skill_accuracy(model.float(), tokenizer).items():
        print(f"{name:8s} {share:.0%}")


if __name__ == "__main__":
    main()
