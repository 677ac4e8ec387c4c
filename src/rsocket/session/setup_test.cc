// How a session begins, as state tables (testing_script.h).
#include <gtest/gtest.h>

#include "rsocket/session/testing_script.h"

namespace postroad::rsocket::testing {
namespace {

TEST(SessionSetup, IsTakenWithoutAnAnswer) { Play("> SETUP d=u-7\n! setup d=u-7"); }

TEST(SessionSetup, AnyOtherFirstFrameIsRefused) {
  Play(R"(
    > REQUEST_RESPONSE 1 d=x
    < ERROR code=INVALID_SETUP d=the first frame is REQUEST_RESPONSE; it must be SETUP or RESUME
    ! closed code=INVALID_SETUP d=~first frame
    # and nothing more is looked at
    > SETUP
  )");
  Play(R"(
    > hex 00 00
    < ERROR code=INVALID_SETUP d=~byte 0
    ! closed code=INVALID_SETUP d=~byte 0
  )");
}

TEST(SessionSetup, OnAStreamIsRefused) {
  Play(R"(
    > hex 00 00 00 01 04 00 00 01 00 00 00 00 00 01 00 00 00 01 00 00
    < ERROR code=INVALID_SETUP d=~the stream id must be 0
    ! closed code=INVALID_SETUP d=~stream id
  )");
}

TEST(SessionSetup, WhatCannotBeIsRefused) {
  const struct {
    const char* setup;
    const char* code;
    const char* message;
  } cases[] = {
      {"SETUP version=2", "UNSUPPORTED_SETUP", "RSocket 2.0 is not spoken"},
      {"SETUP version=0", "UNSUPPORTED_SETUP", "RSocket 0.0 is not spoken"},
      {"SETUP keepalive=0", "INVALID_SETUP", "keepalive"},
      {"SETUP lifetime=0", "INVALID_SETUP", "lifetime"},
      {"SETUP token=t", "UNSUPPORTED_SETUP", "not resumed here"},
      {"SETUP token=", "INVALID_SETUP", "token has 0 bytes"},
  };
  for (const auto& one : cases) {
    const std::string code(one.code), message(one.message);
    Play("> " + std::string(one.setup) + "\n< ERROR code=" + code + " d=~" + message +
         "\n! closed code=" + code + " d=~" + message);
  }
}

TEST(SessionSetup, AResumeTokenHasToBeASecret) {
  const SessionOptions options{.resume_window = std::chrono::seconds(1),
                               .min_resume_token_bytes = 4};
  for (const std::string& token : {std::string("123"), std::string(257, 'x')}) {
    const std::string why = "token has " + std::to_string(token.size()) + " bytes";
    Play("> SETUP token=" + token + "\n< ERROR code=INVALID_SETUP d=~" + why +
             "\n! closed code=INVALID_SETUP d=~" + why,
         {.session = options});
  }
  Play("> SETUP token=1234\n! setup", {.session = options});
}

TEST(SessionSetup, TheApplicationMayRefuse) {
  Play(R"(
    > SETUP
    ! setup
    < ERROR code=REJECTED_SETUP d=who are you?
    ! closed code=REJECTED_SETUP d=who are you?
  )",
       {.refusal = "who are you?"});
}

TEST(SessionSetup, MustComeInTime) {
  Play(R"(
    + 9999ms
    + 1ms
    < ERROR code=INVALID_SETUP d=no SETUP came within 10s
    ! closed code=INVALID_SETUP d=~within 10s
  )");
}

TEST(SessionSetup, AgainIsIgnored) {
  PlayOpen(R"(
    > SETUP
    ! ignored d=SETUP again
  )");
}

}  // namespace
}  // namespace postroad::rsocket::testing
