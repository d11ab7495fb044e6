// The cases again, on a whole connection: requests in, responses out, by an application that reads
// each body and then answers.

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "test/application.h"
#include "test/case_file.h"
#include "test/replay.h"

namespace catzilla::test {
namespace {

using conn::EventKind;
using http::test::Case;
using http::test::join_lines;
using http::test::places_to_cut;
using http::test::shown;

// What the application heard, in the words of the cases, and the status of each answer.
struct Transcript {
  std::vector<std::string> lines;
  bool closed = false;

  bool operator==(const Transcript&) const = default;
};

// Reads each request to its end, and answers 200; or what the error in its body calls for.
class Reader {
 public:
  Reader() {
    stage_.application.on_event = [this](const Event& event) { hear(event); };
  }

  Transcript play(std::string_view input, const std::vector<size_t>& cuts) {
    Peer& peer = stage_.open();
    size_t start = 0;
    for (const size_t cut : cuts) {
      stage_.send(peer, input.substr(start, cut - start));
      start = cut;
    }
    stage_.send(peer, input.substr(start));
    transcript_.closed = peer.ended();
    add_answers(stage_.received(peer));
    return std::move(transcript_);
  }

 private:
  void hear(const Event& event) {
    if (event.kind == EventKind::request) {
      exchange_ = event.exchange;
      body_.clear();
      const std::string line = event.head.substr(0, event.head.find("\r\n"));
      const size_t target = line.find(' ') + 1;
      const size_t version = line.rfind(' ');
      methods_.push_back(line.substr(0, target - 1));
      heard_.push_back("request " + methods_.back() + " " +
                       shown(line.substr(target, version - target)) + line.substr(version));
    }
    if (event.kind == EventKind::request || event.kind == EventKind::body_readable) read();
  }

  void read() {
    for (;;) {
      const conn::BodyRead part = stage_.engine.read_body(exchange_);
      switch (part.state) {
        case conn::BodyRead::State::bytes:
          body_.append(part.bytes.begin(), part.bytes.end());
          continue;
        case conn::BodyRead::State::end:
          answer(200);
          return;
        case conn::BodyRead::State::malformed:
          answer(http::error_status(part.error));
          return;
        default:
          return;
      }
    }
  }

  void answer(uint16_t status) {
    // Of a broken body, how much was read before the break depends on how its bytes came.
    if (status == 200 && !body_.empty()) {
      const bool fits = shown(body_) == http::test::escape(body_);
      heard_.push_back(fits ? "body \"" + shown(body_) + "\"" : "body of " + shown(body_));
    }
    stage_.engine.answer(exchange_, Stage::plain(status), copied("done"));
  }

  // One line for each answer, behind what was heard of its request; an answer without a request is
  // the engine's refusal.
  void add_answers(std::string_view wire) {
    std::vector<std::string> statuses;
    for (size_t answered = 0; !wire.empty();) {
      const size_t head = wire.find("\r\n\r\n");
      REQUIRE(head != wire.npos);
      const std::string_view fields = wire.substr(0, head);
      wire.remove_prefix(head + 4);
      const std::string status(fields.substr(9, 3));
      if (status == "100") continue;
      const bool is_head = answered < methods_.size() && methods_[answered] == "HEAD";
      ++answered;
      statuses.push_back(status);
      constexpr std::string_view kLength = "content-length: ";
      const size_t length = fields.find(kLength);
      REQUIRE(length != fields.npos);
      const size_t size =
          is_head ? 0 : std::stoul(std::string(fields.substr(length + kLength.size())));
      // A refusal says what it refuses.
      CHECK((is_head || size > 0));
      REQUIRE(wire.size() >= size);
      wire.remove_prefix(size);
    }
    transcript_.lines = std::move(heard_);
    transcript_.lines.push_back("answers");
    for (std::string& status : statuses)
      transcript_.lines.push_back(std::move(status));
  }

  Stage stage_;
  Handle exchange_;
  std::string body_;
  std::vector<std::string> methods_;
  std::vector<std::string> heard_;
  Transcript transcript_;
};

// What must come of the events of a case: a request whose body never ends is heard and not
// answered; behind `close` and behind an error nothing is heard any more.
Transcript expected(const std::vector<std::string>& events) {
  Transcript result;
  std::vector<std::string> statuses;
  std::vector<std::string> body;
  bool close = false;
  for (const std::string& event : events) {
    if (event.starts_with("request CONNECT ")) {
      statuses.push_back("501");  // to the parser a request as any; the engine has no tunnels
      result.closed = true;
      break;
    }
    if (event.starts_with("request ")) {
      result.lines.push_back(event);
    } else if (event.starts_with("body ")) {
      body.push_back(event);
    } else if (event == "close") {
      close = true;
    } else if (event == "end" || event.starts_with("error ")) {
      if (event == "end") result.lines.insert(result.lines.end(), body.begin(), body.end());
      body.clear();
      statuses.push_back(event == "end" ? "200" : event.substr(6, 3));
      if (event != "end") close = true;
      result.closed = close;
      if (close) break;
    }
  }
  result.lines.push_back("answers");
  result.lines.insert(result.lines.end(), statuses.begin(), statuses.end());
  return result;
}

void compare(const Transcript& played, const Transcript& wanted) {
  CHECK(join_lines(played.lines) == join_lines(wanted.lines));
  CHECK(played.closed == wanted.closed);
}

TEST_CASE(
    "each case on a connection is answered as its events say, whole, cut at each byte, and byte by "
    "byte") {
  const std::vector<Case> cases = http::test::read_cases("cases");
  for (const Case& each : cases) {
    INFO(each.title);
    const Transcript wanted = expected(http::test::replay(each.input));
    compare(Reader().play(each.input, {}), wanted);
    for (const size_t cut : places_to_cut(each.input.size())) {
      const Transcript played = Reader().play(each.input, {cut});
      if (played == wanted) continue;
      INFO("cut at ", cut);
      compare(played, wanted);
      break;
    }
    std::vector<size_t> every_byte(each.input.size());
    std::iota(every_byte.begin(), every_byte.end(), size_t{0});
    compare(Reader().play(each.input, every_byte), wanted);
  }
  CHECK(cases.size() >= 600);
}

}  // namespace
}  // namespace catzilla::test
