// Certificates for tests, made by openssl.
#ifndef POSTROAD_TESTS_SUPPORT_IDENTITY_H_
#define POSTROAD_TESTS_SUPPORT_IDENTITY_H_

#include <string>

#include "support/process.h"

namespace postroad::testing {

// A new key and a certificate of its own making for localhost, in `folder` as <name>.key and
// <name>.pem; each call's is another.
void MakeIdentity(const TempFolder& folder, const std::string& name);

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_SUPPORT_IDENTITY_H_
