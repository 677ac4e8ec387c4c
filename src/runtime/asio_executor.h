// The Asio side of CorePool, for those that own sockets. Include it only in .cc files.
#ifndef POSTROAD_RUNTIME_ASIO_EXECUTOR_H_
#define POSTROAD_RUNTIME_ASIO_EXECUTOR_H_

#include <boost/asio/io_context.hpp>

#include "runtime/executor.h"

namespace postroad {

// One thread's io_context; at(i) and core(i).io run on the same thread. Lives as long as the pool,
// and runs until the pool is stopped. Handlers still queued then are destroyed with the pool.
struct CorePool::Core {
  boost::asio::io_context io{1};
};

}  // namespace postroad

#endif  // POSTROAD_RUNTIME_ASIO_EXECUTOR_H_
