// The server's certificate and key, read from files and read again when they change.
#ifndef POSTROAD_SERVER_NET_TLS_FILES_H_
#define POSTROAD_SERVER_NET_TLS_FILES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/error.h"
#include "core/time.h"
#include "runtime/executor.h"
#include "runtime/tls_identity.h"

namespace postroad::server {

// Thread-safe.
class TlsFiles {
 public:
  // Called after each look that found a change, with the error if the new files were no good.
  using OnChange = std::function<void(const Status&)>;

  // INVALID_ARGUMENT naming the file: unreadable, no PEM, expired, or the key is of another
  // certificate. `executor` looks at the files every `interval` until this is destroyed; destroy it
  // on that executor, or once its pool was stopped.
  static Result<std::unique_ptr<TlsFiles>> Open(std::string certificate_file, std::string key_file,
                                                Duration interval, Executor& executor,
                                                OnChange on_change);

  // As Open says, without keeping them.
  static Status Check(const std::string& certificate_file, const std::string& key_file);

  // The last good identity.
  TlsIdentityPtr Current() const;

 private:
  struct Stamp {
    std::string certificate, key;  // what stat said
    bool operator==(const Stamp&) const = default;
  };

  TlsFiles(std::string certificate_file, std::string key_file, Duration interval,
           Executor& executor, OnChange on_change);
  Stamp LookAtFiles() const;
  Status Read(uint64_t version);
  void Look();
  void LookLater();

  const std::string certificate_file_, key_file_;
  const Duration interval_;
  Executor& executor_;
  const OnChange on_change_;
  Stamp stamp_;
  Executor::Timer timer_;  // the executor's
  mutable std::mutex mutex_;
  TlsIdentityPtr current_;
};

}  // namespace postroad::server

#endif  // POSTROAD_SERVER_NET_TLS_FILES_H_
