// A native call with the arguments of append that only copies them into memory: what crossing into C++ costs by itself.
#include <cstdint>
#include <cstring>

#define NAPI_VERSION 8
#include <node_api.h>

namespace {

constexpr size_t kMemoryBytes = 16 * 1024 * 1024;
constexpr size_t kMaxUserIdBytes = 1024;
uint8_t g_memory[kMemoryBytes];
size_t g_position = 0;

// copy(operation, userId, payload, sequence) -> bytes copied
napi_value Copy(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  uint32_t operation = 0;
  double sequence = 0;
  size_t user_bytes = 0;
  size_t payload_bytes = 0;
  void* payload = nullptr;
  napi_get_value_uint32(env, arguments[0], &operation);
  napi_get_value_double(env, arguments[3], &sequence);
  napi_get_typedarray_info(env, arguments[2], nullptr, &payload_bytes, &payload, nullptr, nullptr);
  if (g_position + kMaxUserIdBytes + payload_bytes + 16 > kMemoryBytes) g_position = 0;
  uint8_t* at = g_memory + g_position;
  std::memcpy(at, &operation, sizeof operation);
  std::memcpy(at + 4, &sequence, sizeof sequence);
  napi_get_value_string_utf8(env, arguments[1], reinterpret_cast<char*>(at + 12), kMaxUserIdBytes, &user_bytes);
  if (payload_bytes > 0) std::memcpy(at + 12 + user_bytes, payload, payload_bytes);
  g_position += 12 + user_bytes + payload_bytes;
  napi_value result;
  napi_create_double(env, static_cast<double>(user_bytes + payload_bytes), &result);
  return result;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "copy", NAPI_AUTO_LENGTH, Copy, nullptr, &function);
  napi_set_named_property(env, exports, "copy", function);
  return exports;
}
