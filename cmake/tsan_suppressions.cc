// What the thread sanitizer is not to report: accesses within libraries of the system, which are not
// built with it, so that it does not see their locks. A report with no frame in them still comes.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  // The last two: RocksDB joins the batches of threads that write at the same time, in strings that
  // this build's code for std::string touches, and its own frames are not seen.
  return "race:librocksdb.so\n"
         "mutex:librocksdb.so\n"
         "deadlock:librocksdb.so\n"
         "race:libgrpc.so\n"
         "race:libgrpc++.so\n"
         "race:libgpr.so\n"
         "race:libprotobuf.so\n"
         "race:libabsl_\n"
         // gRPC's headers, inlined here: what they copy out of its calls, and counts of its slices.
         "race:grpc::internal::CallOp\n"
         "race:~Slice\n"
         "race:postroad::store::RocksStore::Append\n"
         "race:postroad::store::RocksStore::Write\n";
}
