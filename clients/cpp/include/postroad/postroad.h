// All of the client library.
#ifndef POSTROAD_POSTROAD_H_
#define POSTROAD_POSTROAD_H_

#include "postroad/admin.h"       // IWYU pragma: export
#include "postroad/client.h"      // IWYU pragma: export
#include "postroad/model.h"       // IWYU pragma: export
#include "postroad/publisher.h"   // IWYU pragma: export
#include "postroad/reader.h"      // IWYU pragma: export
#include "postroad/subscriber.h"  // IWYU pragma: export

#endif  // POSTROAD_POSTROAD_H_
