#include "support/identity.h"

#include <gtest/gtest.h>

namespace postroad::testing {

void MakeIdentity(const TempFolder& folder, const std::string& name) {
  const Ended made = RunProgram(
      {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
       "-days", "2", "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
       "-keyout", folder / (name + ".key"), "-out", folder / (name + ".pem")});
  ASSERT_EQ(made.code, 0) << made.output;
}

}  // namespace postroad::testing
