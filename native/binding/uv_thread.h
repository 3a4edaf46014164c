// The two functions of libuv that the binding uses. Node exports them; the Node-API headers do not declare them.
#pragma once

#include <thread>

extern "C" {
using uv_thread_t = std::thread::native_handle_type;
int uv_thread_create(uv_thread_t* thread, void (*entry)(void* argument), void* argument);
int uv_thread_join(uv_thread_t* thread);
}
