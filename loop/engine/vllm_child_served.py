"""What runs in the engine's own process: vLLM, its adapters, and the three kinds of request. See `vllm_child`."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

from vllm import LLM, RequestOutput, SamplingParams
from vllm.lora.request import LoRARequest

from loop.engine.cpu_lora import register
from loop.engine.options import EngineOptions
from loop.engine.protocol import Choose, Chosen, Score, Scored, Used, Write, Written
from loop.engine.serving import Refused, TooLong
from runs.records import Message
from trainers.chat import answer_ids, label_ids, render
from trainers.spec import PROJECTIONS

Task = tuple[list[int], SamplingParams, str]  # prompt, what to do with it, policy


class VllmServed:
    """vLLM with a base model, and the adapters that are loaded."""

    def __init__(self, base: str, options: EngineOptions, moved: Callable[[str], None]) -> None:
        """`moved` is told after each step of vLLM's how far the call is."""
        register()
        self.options = options
        on_cpu = options.device == "cpu"
        self.llm = LLM(
            model=str(options.base),
            dtype=options.dtype,
            seed=options.seed,
            max_model_len=options.max_model_len,
            max_num_seqs=options.max_num_seqs,
            max_num_batched_tokens=options.max_num_batched_tokens,
            # A prompt in pieces winds back its request's seed, which a CPU's generator cannot (gpu_model_runner.py).
            enable_chunked_prefill=False if on_cpu else None,
            kv_cache_memory_bytes=options.kv_cache_bytes,
            # Only whole blocks are shared, and few prompts here have 128 tokens, a CPU's default: 32 take a third less.
            block_size=32 if on_cpu else None,
            enforce_eager=on_cpu,
            enable_lora=True,
            # vLLM would wrap embeddings and head too, at a cost, and a head with LoRA crashes on `prompt_logprobs` of
            # more than one request on a CPU (vLLM issues 16668 and 51594).
            lora_target_modules=PROJECTIONS,
            max_lora_rank=options.rank_tier,
            max_loras=2,  # the policy and a judge with another adapter
            max_cpu_loras=options.max_adapters,
            enable_prefix_caching=options.prefix_caching,
            logprobs_mode="raw_logprobs",
            enable_sleep_mode=options.can_sleep,
            load_format="safetensors",
            trust_remote_code=False,
            disable_log_stats=True,
        )
        self.tokenizer: Any = self.llm.get_tokenizer()
        # vLLM knows an adapter's weights by number but its cached keys and values by name: neither is ever used twice.
        self.numbers = count(1)
        self.adapters: dict[str, LoRARequest | None] = {base: None}
        self.moved = moved
        self.used = Used()
        self.asked = self.done = 0
        self.step = self.llm.llm_engine.step
        self.llm.llm_engine.step = self._watched_step

    def _watched_step(self) -> list[RequestOutput]:
        """One step of vLLM's: a token of each sequence. Whoever waits hears that something moved."""
        outputs = self.step()
        self.done += sum(output.finished for output in outputs)
        self.moved(f"{self.done} of {self.asked} requests")
        return outputs

    def load(self, adapter: str, folder: str, probe: dict[str, Any]) -> None:
        """Load an adapter now: vLLM would read it inside a step, where a bad one takes the engine down."""
        number = next(self.numbers)
        lora = LoRARequest(f"{adapter}#{number}", number, folder)
        try:
            self.llm.llm_engine.add_lora(lora)
        except Exception as error:
            raise Refused(f"vLLM cannot load the adapter in {folder}: {error}") from error
        self.adapters[adapter] = lora

    def unload(self, adapter: str) -> None:
        if lora := self.adapters.pop(adapter):
            self.llm.llm_engine.remove_lora(lora.lora_int_id)

    def one_token(self) -> None:
        prompt, one = [{"prompt_token_ids": [0]}], sampling_params(temperature=0.0, max_tokens=1)
        self.asked, self.done = 1, 0
        self.llm.generate(prompt, one, use_tqdm=False)

    def sleep(self) -> None:
        """Weights go to the CPU's memory, keys and values are dropped. Adapters have been lost over this (vLLM issue
        53888): they are unloaded here, and loaded and proven anew by whoever asks for them next."""
        for adapter in [name for name, lora in self.adapters.items() if lora]:
            self.unload(adapter)
        self.llm.sleep(level=1)

    def wake(self) -> None:
        self.llm.wake_up()

    def write(self, requests: Sequence[Write]) -> list[Written]:
        outputs = self._generate(
            (
                self._prompt(request.messages, request.opening),
                sampling_params(
                    temperature=request.sampling.temperature,
                    top_p=request.sampling.top_p,
                    max_tokens=request.sampling.max_tokens,
                    seed=request.seed,
                    logprobs=0,  # of the sampled token alone
                ),
                request.policy,
            )
            for request in requests
        )
        return [self._written(output) for output in outputs]

    def _written(self, output: RequestOutput) -> Written:
        answer = output.outputs[0]
        assert answer.logprobs is not None
        ended = answer.finish_reason == "stop"
        said = list(answer.token_ids[:-1] if ended else answer.token_ids)
        return Written(
            text=self.tokenizer.decode(said, skip_special_tokens=True, clean_up_tokenization_spaces=False),
            token_ids=tuple(answer.token_ids),
            logprobs=tuple(at[id_].logprob for at, id_ in zip(answer.logprobs, answer.token_ids, strict=True)),
            stop="end" if ended else "length",
        )

    def choose(self, requests: Sequence[Choose]) -> list[Chosen]:
        labels = [self._label_ids(request) for request in requests]
        # No grammar: it would renormalise over the labels and hide how little the model wants to say any of them.
        outputs = self._generate(
            (
                self._prompt(request.messages, request.opening),
                sampling_params(temperature=0.0, max_tokens=1, logprob_token_ids=ids),
                request.policy,
            )
            for request, ids in zip(requests, labels, strict=True)
        )
        chosen = []
        for output, ids in zip(outputs, labels, strict=True):
            assert output.outputs[0].logprobs is not None
            first = output.outputs[0].logprobs[0]
            chosen.append(Chosen(tuple(first[id_].logprob for id_ in ids)))
        return chosen

    def score(self, requests: Sequence[Score]) -> list[Scored]:
        answers = [self._answer_ids(request) for request in requests]
        outputs = self._generate(
            (
                [*self._prompt(request.messages), *ids],
                sampling_params(temperature=0.0, max_tokens=1, prompt_logprobs=0),
                request.policy,
            )
            for request, ids in zip(requests, answers, strict=True)
        )
        scored = []
        for ids, output in zip(answers, outputs, strict=True):
            assert output.prompt_logprobs is not None
            answer = output.prompt_logprobs[len(output.prompt_logprobs) - len(ids) :]
            pairs = zip(answer, ids, strict=True)
            scored.append(Scored(tuple(at[id_].logprob for at, id_ in pairs if at is not None)))
        return scored

    def _prompt(self, messages: Sequence[Message], opening: str = "") -> list[int]:
        try:
            return render(self.tokenizer, messages, opening)
        except ValueError as error:
            raise Refused(str(error)) from error

    def _answer_ids(self, request: Score) -> Sequence[int]:
        if not isinstance(request.answer, str):
            return request.answer
        try:
            return answer_ids(self.tokenizer, request.messages, request.answer)
        except ValueError as error:
            raise Refused(str(error)) from error

    def _label_ids(self, request: Choose) -> list[int]:
        try:
            return label_ids(self.tokenizer, request.messages, request.opening, request.labels)
        except ValueError as error:
            raise Refused(str(error)) from error

    def _generate(self, tasks: Iterable[Task]) -> list[RequestOutput]:
        """vLLM's answers to one shard, in order.

        Cached keys and values of an earlier shard would change their last bits (by 5e-7 nats with blocks of 32), so
        that they would depend on what the process did before: they go first.
        """
        asked = list(tasks)
        for place, (prompt, _, policy) in enumerate(asked):
            if policy not in self.adapters:
                raise Refused(f"request {place} names the policy {policy}, which is not loaded")
            if len(prompt) >= self.options.max_model_len:
                raise TooLong(
                    f"request {place} has {len(prompt)} tokens, and the engine takes fewer than "
                    f"{self.options.max_model_len}; raise engine.max_model_len_tokens if the model reads more, or "
                    "shorten what is asked: the constitution's questions and principles, answers, prompts"
                )
        self.llm.reset_prefix_cache()
        self.asked, self.done = len(asked), 0
        outputs = self.llm.generate(
            [{"prompt_token_ids": prompt} for prompt, _, _ in asked],
            [params for _, params, _ in asked],
            lora_request=[self.adapters[policy] for _, _, policy in asked],
            use_tqdm=False,
        )
        # vLLM's own metrics would want its statistics on; each output says how much of its prompt was cached.
        self.used += Used(
            prompt_tokens=sum(len(prompt) for prompt, _, _ in asked),
            cached_tokens=sum(output.num_cached_tokens or 0 for output in outputs),
            reply_tokens=sum(len(output.outputs[0].token_ids) for output in outputs),
        )
        return outputs


def sampling_params(**asked: Any) -> SamplingParams:
    """vLLM's parameters for one request; of the model's `generation_config.json` only the end tokens count."""
    neutral = {"n": 1, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, "ignore_eos": False}
    return SamplingParams(**{**neutral, "detokenize": False, "skip_clone": True, **asked})
