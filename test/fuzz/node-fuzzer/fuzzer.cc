// libFuzzer in Node: an addon with the one function
//   run(args, edges, check, mutate)
// `args` begin with the command that runs all this again. It hands libFuzzer the counters of the edges that JavaScript counts
// (edges.mjs), and calls `check` with each input that libFuzzer makes. `mutate(input, random)` gives another input; it has its turn
// beside libFuzzer's own mutations. run() never returns: libFuzzer ends the process. Built by scripts/fuzz.mjs, with clang.
#include <node_api.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

// Of libFuzzer and of clang's coverage: no header declares them.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
extern "C" int LLVMFuzzerRunDriver(int* argc, char*** argv, int (*check)(const uint8_t* data, size_t size));
extern "C" void __sanitizer_cov_8bit_counters_init(uint8_t* begin, uint8_t* end);
extern "C" void __sanitizer_cov_pcs_init(const uintptr_t* begin, const uintptr_t* end);

namespace {

napi_env env;
napi_value check_function;
napi_value mutate_function;
unsigned long long runs = 0;
unsigned long long taken_runs = 0;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "fuzzer: %s\n", what);
  std::abort();
}

void TellRuns() { std::fprintf(stderr, "inputs %llu, taken %llu\n", runs, taken_runs); }

std::string TextOf(napi_value value) {
  size_t bytes = 0;
  Require(napi_get_value_string_utf8(env, value, nullptr, 0, &bytes) == napi_ok, "a text is expected");
  std::string text(bytes, '\0');
  Require(napi_get_value_string_utf8(env, value, text.data(), bytes + 1, &bytes) == napi_ok, "a text is expected");
  return text;
}

/** What was thrown: its stack on stderr. Then libFuzzer keeps the input, as it does behind any abort. */
void TellWhatWasThrown() {
  napi_value thrown;
  napi_value stack;
  Require(napi_get_and_clear_last_exception(env, &thrown) == napi_ok, "a call failed without an exception");
  napi_valuetype type = napi_undefined;
  if (napi_get_named_property(env, thrown, "stack", &stack) != napi_ok || napi_typeof(env, stack, &type) != napi_ok || type != napi_string) {
    Require(napi_coerce_to_string(env, thrown, &stack) == napi_ok, "what was thrown cannot be shown");
  }
  std::fprintf(stderr, "%s\n", TextOf(stack).c_str());
  std::abort();
}

class HandleScope {
 public:
  HandleScope() { Require(napi_open_handle_scope(env, &scope_) == napi_ok, "no handle scope"); }
  ~HandleScope() { napi_close_handle_scope(env, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_handle_scope scope_ = nullptr;
};

/** A copy: JavaScript may keep it for longer than libFuzzer does. */
napi_value BufferOf(const uint8_t* data, size_t size) {
  napi_value buffer;
  Require(napi_create_buffer_copy(env, size, data, nullptr, &buffer) == napi_ok, "no memory for an input");
  return buffer;
}

napi_value Call(napi_value function, const std::vector<napi_value>& arguments) {
  napi_value global;
  napi_value result;
  Require(napi_get_global(env, &global) == napi_ok, "no global object");
  if (napi_call_function(env, global, function, arguments.size(), arguments.data(), &result) != napi_ok) TellWhatWasThrown();
  return result;
}

int Check(const uint8_t* data, size_t size) {
  const HandleScope scope;
  bool was_taken = false;
  Require(napi_get_value_bool(env, Call(check_function, {BufferOf(data, size)}), &was_taken) == napi_ok,
          "check() says whether the input was taken: true or false");
  runs++;
  taken_runs += was_taken ? 1 : 0;
  return 0;
}

/** libFuzzer wants a place in a program for each counter; JavaScript has none, so they are numbers. */
void RegisterEdges(uint8_t* counters, size_t count) {
  static std::vector<uintptr_t> places;
  constexpr uintptr_t kNoFunctionEntry = 0;
  for (size_t i = 0; i < count; i++) {
    places.push_back(i + 1);
    places.push_back(kNoFunctionEntry);
  }
  __sanitizer_cov_8bit_counters_init(counters, counters + count);
  __sanitizer_cov_pcs_init(places.data(), places.data() + places.size());
}

napi_value Run(napi_env the_env, napi_callback_info info) {
  env = the_env;
  size_t argc = 4;
  napi_value arguments[4];
  Require(napi_get_cb_info(env, info, &argc, arguments, nullptr, nullptr) == napi_ok && argc == 4, "run(args, edges, check, mutate)");

  void* counters = nullptr;
  size_t edges = 0;
  napi_typedarray_type type;
  Require(napi_get_typedarray_info(env, arguments[1], &type, &edges, &counters, nullptr, nullptr) == napi_ok && type == napi_uint8_array,
          "edges: a Uint8Array is expected");
  RegisterEdges(static_cast<uint8_t*>(counters), edges);
  check_function = arguments[2];
  mutate_function = arguments[3];

  std::vector<std::string> texts;
  uint32_t count = 0;
  Require(napi_get_array_length(env, arguments[0], &count) == napi_ok, "args: an array is expected");
  for (uint32_t i = 0; i < count; i++) {
    napi_value text;
    Require(napi_get_element(env, arguments[0], i, &text) == napi_ok, "args: an array is expected");
    texts.push_back(TextOf(text));
  }
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  int fuzzer_argc = static_cast<int>(texts.size());
  char** fuzzer_argv = pointers.data();
  std::atexit(TellRuns);
  std::exit(LLVMFuzzerRunDriver(&fuzzer_argc, &fuzzer_argv, Check));
}

napi_value Init(napi_env the_env, napi_value exports) {
  napi_value run;
  Require(napi_create_function(the_env, "run", NAPI_AUTO_LENGTH, Run, nullptr, &run) == napi_ok, "no function");
  Require(napi_set_named_property(the_env, exports, "run", run) == napi_ok, "no exports");
  return exports;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                                                                 unsigned int seed) {
  constexpr unsigned int kOneIn = 4;
  if (seed % kOneIn != 0) return LLVMFuzzerMutate(data, size, max_size);
  const HandleScope scope;
  napi_value random;
  void* mutated = nullptr;
  size_t bytes = 0;
  Require(napi_create_uint32(env, seed / kOneIn, &random) == napi_ok, "no number");
  Require(napi_get_buffer_info(env, Call(mutate_function, {BufferOf(data, size), random}), &mutated, &bytes) == napi_ok,
          "mutate() gives a Buffer");
  if (bytes > max_size) bytes = max_size;
  if (bytes != 0) std::memcpy(data, mutated, bytes);
  return bytes;
}

NAPI_MODULE(fuzzer, Init)
