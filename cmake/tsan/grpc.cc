// What gRPC promises, told to the thread sanitizer. The system's gRPC is not built with it, so that
// its own locks are not seen, and every callback would count as a race with what came before it.
// The few functions of its C library that begin and end things are taken here and say:
//
//   - an operation that was begun comes before its completion, whichever thread brings that;
//   - starting a server comes before each of its calls, and each call before the server's end;
//   - making a slice of a user's bytes comes before giving them back;
//   - giving back a slice comes before its memory is freed, by whoever gives back the last of those
//     that share it. (What gRPC read at once is shared by the streams of a connection.)
//
// Nothing else: two callbacks of a call are not in order because gRPC was there in between.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <link.h>
#include <sanitizer/tsan_interface.h>

#include <array>
#include <cstdint>

namespace {

template <typename F>
F* Real(F*, const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}
#define POSTROAD_REAL(function) static auto* const real = Real(&function, #function)

// Whether `address` lies in code.
bool IsCode(const void* address) {
  thread_local std::array<std::pair<const void*, bool>, 64> known{};
  auto& [last, is_code] = known[reinterpret_cast<uintptr_t>(address) / 8 % known.size()];
  if (last == address) return is_code;
  struct Search {
    uintptr_t address;
    bool found = false;
  } search{reinterpret_cast<uintptr_t>(address)};
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* data) {
        auto* wanted = static_cast<Search*>(data);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const auto& part = object->dlpi_phdr[i];
          const uintptr_t begin = object->dlpi_addr + part.p_vaddr;
          if (part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0 && wanted->address >= begin &&
              wanted->address < begin + part.p_memsz) {
            wanted->found = true;
          }
        }
        return wanted->found ? 1 : 0;
      },
      &search);
  last = address;
  return is_code = search.found;
}

// The callback API's tags are functors, whose first word is a function; other tags are objects with
// a virtual table. In a functor's place goes one of these, which runs it once.
struct Completion : grpc_completion_queue_functor {
  explicit Completion(grpc_completion_queue_functor* wrapped)
      : grpc_completion_queue_functor(*wrapped), functor(wrapped) {
    functor_run = [](grpc_completion_queue_functor* self, int ok) {
      __tsan_acquire(self);
      auto* completion = static_cast<Completion*>(self);
      auto* functor = completion->functor;
      delete completion;
      functor->functor_run(functor, ok);
    };
  }
  grpc_completion_queue_functor* functor;
};

struct SliceOwner {
  void (*destroy)(void*);
  void* data;
};

// Any address will do.
char server_starts, calls_end;

}  // namespace

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  POSTROAD_REAL(grpc_call_start_batch);
  if (tag == nullptr) return real(call, ops, count, tag, reserved);
  if (!IsCode(*static_cast<void**>(tag))) {
    __tsan_release(tag);
    return real(call, ops, count, tag, reserved);
  }
  grpc_completion_queue_functor* completion =
      new Completion(static_cast<grpc_completion_queue_functor*>(tag));
  __tsan_release(completion);
  const grpc_call_error error = real(call, ops, count, completion, reserved);
  if (error != GRPC_CALL_OK) delete static_cast<Completion*>(completion);
  return error;
}

grpc_event grpc_completion_queue_next(grpc_completion_queue* queue, gpr_timespec deadline,
                                      void* reserved) {
  POSTROAD_REAL(grpc_completion_queue_next);
  const grpc_event event = real(queue, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

grpc_event grpc_completion_queue_pluck(grpc_completion_queue* queue, void* tag,
                                       gpr_timespec deadline, void* reserved) {
  POSTROAD_REAL(grpc_completion_queue_pluck);
  const grpc_event event = real(queue, tag, deadline, reserved);
  if (event.type == GRPC_OP_COMPLETE) __tsan_acquire(event.tag);
  return event;
}

void grpc_server_start(grpc_server* server) {
  POSTROAD_REAL(grpc_server_start);
  __tsan_release(&server_starts);
  real(server);
}

// A call that comes in takes memory from its arena before any of our code sees it, and a reference.
void* grpc_call_arena_alloc(grpc_call* call, size_t size) {
  POSTROAD_REAL(grpc_call_arena_alloc);
  __tsan_acquire(&server_starts);
  return real(call, size);
}

void grpc_call_ref(grpc_call* call) {
  POSTROAD_REAL(grpc_call_ref);
  __tsan_acquire(&server_starts);
  real(call);
}

void grpc_call_unref(grpc_call* call) {
  POSTROAD_REAL(grpc_call_unref);
  __tsan_release(&calls_end);
  real(call);
}

void grpc_server_destroy(grpc_server* server) {
  POSTROAD_REAL(grpc_server_destroy);
  real(server);
  __tsan_acquire(&calls_end);
}

void grpc_slice_unref(grpc_slice slice) {
  POSTROAD_REAL(grpc_slice_unref);
  // Null: the bytes lie in the slice itself. 1: they are nobody's to free.
  if (reinterpret_cast<uintptr_t>(slice.refcount) > 1) {
    __tsan_release(slice.refcount);
    __tsan_acquire(slice.refcount);
  }
  real(slice);
}

grpc_slice grpc_slice_new_with_user_data(void* bytes, size_t size, void (*destroy)(void*),
                                         void* data) {
  POSTROAD_REAL(grpc_slice_new_with_user_data);
  auto* owner = new SliceOwner{destroy, data};
  __tsan_release(owner);
  return real(
      bytes, size,
      [](void* made) {
        auto* ended = static_cast<SliceOwner*>(made);
        __tsan_acquire(ended);
        const SliceOwner copy = *ended;
        delete ended;
        copy.destroy(copy.data);
      },
      owner);
}

}  // extern "C"
