// Who is calling, and what they may do. Goes with every broker call.
#ifndef POSTROAD_AUTH_PRINCIPAL_H_
#define POSTROAD_AUTH_PRINCIPAL_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/names.h"

namespace postroad::auth {

enum class Right { kPost, kRead, kAdminister };
std::string_view RightName(Right right);  // "post", "read", "administer"

// An immutable caller. However it was established (key, token, certificate), the broker sees this.
class Principal {
 public:
  // May do everything; for callers on an interface that needs no key.
  static Principal Anyone();
  Principal(std::string name, std::vector<TopicPattern> post, std::vector<TopicPattern> read,
            std::vector<TopicPattern> administer)
      : name_(std::move(name)),
        post_(std::move(post)),
        read_(std::move(read)),
        administer_(std::move(administer)) {}

  const std::string& name() const { return name_; }  // for logs
  bool May(Right right, std::string_view topic) const;
  // Whether every topic that `pattern` can match is allowed.
  bool MayAll(Right right, const TopicPattern& pattern) const;
  // PERMISSION_DENIED naming the caller, the right and the topic.
  Status Check(Right right, std::string_view topic) const;
  Status CheckAll(Right right, const TopicSelector& topics) const;
  // What concerns the server and not one topic (backup): needs administer on "*".
  Status CheckServerAdmin() const;

 private:
  Principal() = default;
  const std::vector<TopicPattern>& Granted(Right right) const;

  std::string name_;
  std::vector<TopicPattern> post_, read_, administer_;
  bool anything_ = false;
};

}  // namespace postroad::auth

#endif  // POSTROAD_AUTH_PRINCIPAL_H_
