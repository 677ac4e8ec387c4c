// What the thread sanitizer is not to see: what libraries of the system do, which are not built
// with it, so that it knows nothing of most of their locks. Each line takes the calls (memcpy,
// free, …) that come from within one library, and nothing of ours: exports.map keeps the two apart,
// and grpc.cc says what order gRPC promises. A line "race:library" would take far more: any race in
// a thread or a block of memory that the library made. A line "thread:" is of threads that the
// library ends without anybody waiting for them.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:librocksdb.so\n"
         "called_from_lib:libstdc++.so\n"
         "called_from_lib:libgrpc.so\n"
         "called_from_lib:libgrpc++.so\n"
         "called_from_lib:libgpr.so\n"
         "called_from_lib:libabsl_cord.so\n"
         "called_from_lib:libabsl_cord_internal.so\n"
         "called_from_lib:libabsl_graphcycles_internal.so\n"
         "called_from_lib:libabsl_malloc_internal.so\n"
         "called_from_lib:libabsl_status.so\n"
         "called_from_lib:libabsl_synchronization.so\n"
         "called_from_lib:libabsl_time_zone.so\n"
         "called_from_lib:libprotobuf.so\n"
         "called_from_lib:librdkafka.so\n"
         "called_from_lib:libcrypto.so\n"
         "called_from_lib:libssl.so\n"
         "mutex:librocksdb.so\n"
         "deadlock:librocksdb.so\n"
         "thread:libgpr.so\n";
}
