// What the leak sanitizer is not to report: leaks of the system's own libraries, known to their
// authors.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  // c-ares 1.18 forgets the name it has looked up in /etc/hosts (c-ares issue 439).
  return "leak:libcares.so\n";
}
