// Receipts, as `post --wait-acked` and `receipts` print them.
#ifndef POSTROAD_CLI_RECEIPT_TEXT_H_
#define POSTROAD_CLI_RECEIPT_TEXT_H_

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "core/error.h"
#include "postroad/model.h"

namespace postroad::cli {

boost::json::object ReceiptObject(const Receipt& receipt);
// A heading and a row a subscription.
std::string ReceiptText(const Receipt& receipt);
// Why a wait ended with a receipt that names no subscription.
Error NobodyToAck(std::string_view before, std::string_view topic);

}  // namespace postroad::cli

#endif  // POSTROAD_CLI_RECEIPT_TEXT_H_
