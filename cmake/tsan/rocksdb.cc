// What RocksDB promises, told to the thread sanitizer, as grpc.cc does for gRPC: a logger that was
// handed to it is used after that, and let go of after its last use.
#include <dlfcn.h>
#include <rocksdb/db.h>
#include <sanitizer/tsan_interface.h>

#include <cstdarg>
#include <memory>

namespace {

class HandedLogger final : public rocksdb::Logger {
 public:
  explicit HandedLogger(std::shared_ptr<rocksdb::Logger> logger)
      : rocksdb::Logger(logger->GetInfoLogLevel()), logger_(std::move(logger)) {
    __tsan_release(this);
  }
  ~HandedLogger() override { __tsan_acquire(this); }

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    __tsan_acquire(this);
    logger_->Logv(format, arguments);
    __tsan_release(this);
  }
  rocksdb::InfoLogLevel GetInfoLogLevel() const override {
    auto* self = const_cast<HandedLogger*>(this);
    __tsan_acquire(self);
    const auto level = logger_->GetInfoLogLevel();
    __tsan_release(self);
    return level;
  }

 private:
  const std::shared_ptr<rocksdb::Logger> logger_;
};

constexpr char kOpen[] =
    "_ZN7rocksdb2DB4OpenERKNS_9DBOptionsERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
    "RKSt6vectorINS_22ColumnFamilyDescriptorESaISD_EEPSC_IPNS_18ColumnFamilyHandleESaISJ_EEPPS0_";

}  // namespace

namespace rocksdb {

Status DB::Open(const DBOptions& options, const std::string& name,
                const std::vector<ColumnFamilyDescriptor>& families,
                std::vector<ColumnFamilyHandle*>* handles, DB** db) {
  static auto* const real = reinterpret_cast<Status (*)(
      const DBOptions&, const std::string&, const std::vector<ColumnFamilyDescriptor>&,
      std::vector<ColumnFamilyHandle*>*, DB**)>(dlsym(RTLD_NEXT, kOpen));
  DBOptions handed = options;
  if (handed.info_log) handed.info_log = std::make_shared<HandedLogger>(handed.info_log);
  return real(handed, name, families, handles, db);
}

}  // namespace rocksdb
