#include "broadcast/broadcast.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace catzilla::broadcast {

namespace {

using conn::EventKind;
using conn::WriteStatus;

// What one turn of the loop may be taken for, and how many sends the clock is looked at.
constexpr std::chrono::milliseconds kTurn{2};
constexpr uint32_t kClockStep = 32;

// Batches for one peer before the others get theirs.
constexpr int kBatchesPerTurn = 8;

// Nothing written for so long after FIN: the peer is taken for gone (as in half-close.ts).
constexpr uint32_t kHalfClosedMs = 750;

// Before a minimum rate applies (as in deadlines.ts).
constexpr double kRateGraceMs = 5000;

constexpr uint32_t kNobody = UINT32_MAX;

}  // namespace

// ── the application's side ───────────────────────────────────────────────────────────────────────

Handle Broadcast::open(uint64_t newest) {
  const uint32_t topic = topics_.allocate();
  if (topic == Slab<Topic>::kNone) return {};
  topics_[topic].log.begin_behind(newest);
  return {topic, topics_.generation(topic)};
}

bool Broadcast::join(Handle handle, Handle exchange, const Terms& terms) {
  Topic* topic = topics_.find(handle);
  if (topic == nullptr || topic->closed) return false;
  const uint32_t id = subscriptions_.allocate();
  const bool joined = id != Slab<Subscription>::kNone && engine_.begin_feed(exchange, id);
  if (!joined) {
    if (id != Slab<Subscription>::kNone) subscriptions_.release(id);
    end_if_left(handle.slot);
    return false;
  }
  Subscription& subscription = subscriptions_[id];
  subscription.slot = exchange.slot;
  subscription.topic = handle.slot;
  subscription.terms = terms_.enter(terms);
  subscription.cursor = topic->log.newest() + 1;
  subscription.wrote_at = now();
  topic->log.enter();
  ++topic->subscribers;
  if (engine_.feed_waiting(exchange.slot) > 0) {
    subscription.list = List::behind;
    wait_for_peer(id);
  } else {
    rest(id);
  }
  put_in(id);
  return true;
}

bool Broadcast::publish(Handle handle, Slice body, uint64_t superseded,
                        std::span<const Handle> left_out, Counts& counts) {
  Topic* found = topics_.find(handle);
  if (found == nullptr) return false;
  Topic& topic = *found;
  topic.busy = true;
  memory::FrameRef frame(memory::SharedFrame::join({&body, 1}));
  if (!frame) {
    for (const List list : {List::idle, List::round, List::behind}) {
      while (topic.members(list).first != kNobody)
        release(topic.members(list).first, Release::failed);
    }
  } else {
    topic.log.append(std::move(frame));
    const uint64_t sequence = topic.log.newest();
    for (const Handle exchange : left_out) {
      const uint32_t id = engine_.feed_of(exchange);
      if (id == conn::Feed::kNone || subscriptions_[id].topic != handle.slot) continue;
      skip(topic, subscriptions_[id], sequence, false);
    }
    for (uint32_t id = topic.members(List::behind).first; id != kNobody;) {
      const uint32_t next = subscriptions_[id].next;
      offer(id, sequence, superseded, counts);
      id = next;
    }
    topic.news = true;
    activate(handle.slot);
  }
  topic.busy = false;
  return !end_if_left(handle.slot);
}

void Broadcast::close(Handle handle) {
  Topic* topic = topics_.find(handle);
  if (topic == nullptr) return;
  topic->closed = true;
  topic->news = true;
  activate(handle.slot);
}

std::vector<Handle> Broadcast::abort(Handle handle) {
  std::vector<Handle> released;
  Topic* topic = topics_.find(handle);
  if (topic == nullptr) return released;
  topic->busy = true;
  for (const List list : {List::idle, List::round, List::behind}) {
    while (topic->members(list).first != kNobody) {
      const uint32_t id = topic->members(list).first;
      const uint32_t slot = subscriptions_[id].slot;
      released.push_back(engine_.handle(slot));
      engine_.end_feed(slot);
      remove(id);
    }
  }
  topic->busy = false;
  end_if_left(handle.slot);
  return released;
}

void Broadcast::tell_missed(Handle exchange, Slice body) {
  const uint32_t id = engine_.feed_of(exchange);
  if (id == conn::Feed::kNone || !subscriptions_[id].asking) return;
  subscriptions_[id].asking = false;
  if (!body.empty()) {
    const memory::FrameRef frame(memory::SharedFrame::join({&body, 1}));
    if (!frame) return release(id, Release::failed);
    if (!send(id, frame)) return;
  }
  deliver(id);
}

TopicStats Broadcast::stats(Handle handle) {
  const Topic* topic = topics_.find(handle);
  if (topic == nullptr) return {};
  return {topic->subscribers, topic->log.size(), topic->log.bytes()};
}

std::vector<Handle> Broadcast::exchanges() {
  std::vector<Handle> all;
  for (uint32_t id = 0; id < subscriptions_.reserved(); ++id) {
    if (subscriptions_.live(id)) all.push_back(engine_.handle(subscriptions_[id].slot));
  }
  return all;
}

// ── the engine's side ────────────────────────────────────────────────────────────────────────────

void Broadcast::on_room(uint32_t id) {
  subscriptions_[id].wrote_at = now();
  rest(id);
  deliver(id);
}

// A probe brings out a reset where nobody is left.
void Broadcast::on_half_closed(uint32_t id) {
  Subscription& subscription = subscriptions_[id];
  subscription.half_closed = true;
  if (subscription.list == List::behind) return;  // the peer's own deadline runs
  subscription.wrote_at = now();
  rest(id);
  const memory::FrameRef probe = terms_[subscription.terms].heartbeat;
  if (probe) send(id, probe);
}

void Broadcast::on_deadline(uint32_t id) {
  Subscription& subscription = subscriptions_[id];
  if (engine_.feed_waiting(subscription.slot) > 0) return release(id, Release::late);
  const uint32_t quiet = now() - subscription.wrote_at;
  if (subscription.half_closed && quiet >= patience_ms()) return engine_.give_up(subscription.slot);
  const uint32_t heartbeat_ms = terms_[subscription.terms].heartbeat_ms;
  if (heartbeat_ms > 0 && quiet >= heartbeat_ms && subscription.list == List::idle) {
    // In its turn, as if something was published: many may be due at once.
    subscription.beat_due = true;
    put(id, List::round);
    activate(subscription.topic);
  }
  rest(id);
}

void Broadcast::on_left(uint32_t id) {
  remove(id);
}

void Broadcast::on_tell() {
  conn::EventSink& events = engine_.events();
  while (!notices_.empty() && events.has_room(0)) {
    Notice notice = notices_.front();
    notices_.pop_front();
    if (!engine_.is_open(notice.exchange)) continue;  // lost, meanwhile
    if (notice.kind == EventKind::missed) {
      const uint32_t id = engine_.feed_of(notice.exchange);
      if (id == conn::Feed::kNone || !subscriptions_[id].asking) continue;
      notice.detail = std::exchange(subscriptions_[id].lost, 0);
    }
    events.notify(notice.kind, notice.exchange, notice.detail);
  }
}

bool Broadcast::on_serve() {
  if (active_.empty()) return false;
  const auto end = std::chrono::steady_clock::now() + kTurn;
  sends_ = 0;
  uint32_t look = kClockStep;
  while (!active_.empty()) {
    const Handle handle = active_.front();
    Topic* topic = topics_.find(handle);
    if (topic != nullptr && topic->members(List::round).first == kNobody) {
      if (std::exchange(topic->news, false)) begin_round(*topic);
    }
    if (topic == nullptr || topic->members(List::round).first == kNobody) {
      if (topic != nullptr) topic->queued = false;
      active_.pop_front();
      continue;
    }
    deliver(topic->members(List::round).first);
    if (++sends_ < look) continue;
    look = sends_ + kClockStep;
    if (std::chrono::steady_clock::now() < end) continue;
    active_.pop_front();
    active_.push_back(handle);
    return true;
  }
  return false;
}

// ── reading ──────────────────────────────────────────────────────────────────────────────────────

// Sends what there is. Puts the subscription where it then belongs, or is left by it.
void Broadcast::deliver(uint32_t id) {
  const uint32_t number = subscriptions_[id].topic;
  for (int batches = 0; batches < kBatchesPerTurn; ++batches) {
    Topic& topic = topics_[number];
    Subscription& subscription = subscriptions_[id];
    if (subscription.asking) return put(id, List::behind);
    step_over_skips(topic, subscription);
    const Terms& terms = terms_[subscription.terms];
    if (subscription.lost > 0) {
      if (terms.tells_missed) return ask(id);
      subscription.lost = 0;
    }
    if (subscription.cursor > topic.log.newest()) {
      const memory::FrameRef heartbeat =
          subscription.beat_due ? terms.heartbeat : memory::FrameRef();
      if (heartbeat && !send(id, heartbeat)) return;
      if (topic.closed) return release(id, Release::through);
      return put(id, List::idle);
    }
    const Skipped* skipped = subscription.skipped.get();
    const uint64_t limit =
        skipped == nullptr ? topic.log.newest() + 1 : skipped->skips.front().sequence;
    const Batch batch = topic.log.batch(subscription.cursor, limit);
    if (!batch.frame) return release(id, Release::failed);
    advance(topic, subscription, batch.next);
    if (!send(id, batch.frame)) return;
  }
  put(id, List::round);
  activate(number);
}

// `false` when the peer takes no more for now, or is gone, and the subscription with it.
bool Broadcast::send(uint32_t id, const memory::FrameRef& frame) {
  Subscription& subscription = subscriptions_[id];
  subscription.beat_due = false;
  if (frame->size() == 0) return true;  // would end the body
  ++sends_;
  const WriteStatus status = engine_.feed(subscription.slot, frame);
  if (status == WriteStatus::gone) return false;
  subscription.wrote_at = now();
  if (status == WriteStatus::ok) return true;
  put(id, List::behind);
  wait_for_peer(id);
  return false;
}

void Broadcast::ask(uint32_t id) {
  subscriptions_[id].asking = true;
  put(id, List::behind);
  note(EventKind::missed, engine_.handle(subscriptions_[id].slot), 0);
}

void Broadcast::begin_round(Topic& topic) {
  Members& idle = topic.members(List::idle);
  for (uint32_t id = idle.first; id != kNobody; id = subscriptions_[id].next)
    subscriptions_[id].list = List::round;
  std::swap(idle, topic.members(List::round));
}

// ── policies ─────────────────────────────────────────────────────────────────────────────────────

// Of a frame that was just published, to one who is behind.
void Broadcast::offer(uint32_t id, uint64_t sequence, uint64_t superseded, Counts& counts) {
  Subscription& subscription = subscriptions_[id];
  Topic& topic = topics_[subscription.topic];
  const Policy policy = terms_[subscription.terms].policy;
  if (is_skipped(subscription, sequence)) return;  // by its filter
  if (policy == Policy::coalesce && superseded >= subscription.cursor &&
      !is_skipped(subscription, superseded)) {
    skip(topic, subscription, superseded, false);
    ++counts.coalesced;
  }
  if (!is_full(topic, subscription)) return;
  switch (policy) {
    case Policy::drop_newest:
      skip(topic, subscription, sequence, true);
      ++counts.dropped;
      return;
    case Policy::evict:
      ++counts.evicted;
      return release(id, Release::evicted);
    case Policy::drop_oldest:
    case Policy::coalesce:
      return drop_oldest(topic, subscription, counts);
  }
}

bool Broadcast::is_full(const Topic& topic, const Subscription& subscription) const {
  const Terms& terms = terms_[subscription.terms];
  const Skipped* skipped = subscription.skipped.get();
  const uint64_t frames = topic.log.newest() + 1 - subscription.cursor;
  const uint64_t bytes = topic.log.bytes_from(subscription.cursor);
  return frames - (skipped == nullptr ? 0 : skipped->skips.size()) > terms.max_frames ||
         bytes - (skipped == nullptr ? 0 : skipped->bytes) > terms.max_bytes;
}

void Broadcast::drop_oldest(Topic& topic, Subscription& subscription, Counts& counts) {
  while (is_full(topic, subscription) && subscription.cursor < topic.log.newest()) {
    if (!is_skipped(subscription, subscription.cursor)) {
      ++subscription.lost;
      ++counts.dropped;
      advance(topic, subscription, subscription.cursor + 1);
    }
    step_over_skips(topic, subscription);
  }
}

bool Broadcast::is_skipped(const Subscription& subscription, uint64_t sequence) {
  const Skipped* skipped = subscription.skipped.get();
  return skipped != nullptr &&
         std::ranges::binary_search(skipped->skips, sequence, {}, &Skipped::Skip::sequence);
}

void Broadcast::skip(Topic& topic, Subscription& subscription, uint64_t sequence, bool loss) {
  if (subscription.skipped == nullptr) subscription.skipped = std::make_unique<Skipped>();
  auto& skips = subscription.skipped->skips;
  // Mostly at the end: what is published, and what it brings up to date, is young.
  skips.insert(std::ranges::lower_bound(skips, sequence, {}, &Skipped::Skip::sequence),
               {sequence, loss});
  subscription.skipped->bytes += topic.log.frame(sequence)->size();
  step_over_skips(topic, subscription);
}

// So that nothing is held for one who does not get it.
void Broadcast::step_over_skips(Topic& topic, Subscription& subscription) {
  Skipped* skipped = subscription.skipped.get();
  if (skipped == nullptr) return;
  size_t count = 0;
  uint64_t cursor = subscription.cursor;
  for (; count < skipped->skips.size() && skipped->skips[count].sequence == cursor; ++count) {
    skipped->bytes -= topic.log.frame(cursor)->size();
    if (skipped->skips[count].loss) ++subscription.lost;
    ++cursor;
  }
  if (count == 0) return;
  if (count == skipped->skips.size()) {
    subscription.skipped.reset();
  } else {
    skipped->skips.erase(skipped->skips.begin(),
                         skipped->skips.begin() + static_cast<ptrdiff_t>(count));
  }
  advance(topic, subscription, cursor);
}

void Broadcast::advance(Topic& topic, Subscription& subscription, uint64_t to) {
  topic.log.move(std::exchange(subscription.cursor, to), to);
}

// ── coming and going ─────────────────────────────────────────────────────────────────────────────

void Broadcast::release(uint32_t id, Release why) {
  const uint32_t slot = subscriptions_[id].slot;
  engine_.end_feed(slot);
  remove(id);
  note(EventKind::released, engine_.handle(slot), static_cast<uint32_t>(why));
}

void Broadcast::remove(uint32_t id) {
  Subscription& subscription = subscriptions_[id];
  const uint32_t number = subscription.topic;
  Topic& topic = topics_[number];
  take_out(id);
  topic.log.leave(subscription.cursor);
  terms_.leave(subscription.terms);
  subscriptions_.release(id);
  --topic.subscribers;
  end_if_left(number);
}

bool Broadcast::end_if_left(uint32_t number) {
  const Topic& topic = topics_[number];
  if (topic.busy || topic.subscribers > 0) return false;
  topics_.release(number);
  return true;
}

void Broadcast::note(EventKind kind, Handle exchange, uint32_t detail) {
  notices_.push_back({kind, exchange, detail});
  engine_.wake_soon();
}

void Broadcast::activate(uint32_t number) {
  Topic& topic = topics_[number];
  if (std::exchange(topic.queued, true)) return;
  active_.push_back({number, topics_.generation(number)});
  engine_.wake_soon();
}

void Broadcast::put(uint32_t id, List list) {
  if (subscriptions_[id].list == list && list != List::round) return;
  take_out(id);
  subscriptions_[id].list = list;
  put_in(id);
}

void Broadcast::put_in(uint32_t id) {
  Subscription& subscription = subscriptions_[id];
  Members& members = topics_[subscription.topic].members(subscription.list);
  subscription.next = kNobody;
  subscription.previous = members.last;
  (members.last == kNobody ? members.first : subscriptions_[members.last].next) = id;
  members.last = id;
}

void Broadcast::take_out(uint32_t id) {
  const Subscription& subscription = subscriptions_[id];
  Members& members = topics_[subscription.topic].members(subscription.list);
  const auto [next, previous] = std::pair(subscription.next, subscription.previous);
  (previous == kNobody ? members.first : subscriptions_[previous].next) = next;
  (next == kNobody ? members.last : subscriptions_[next].previous) = previous;
}

// ── time ─────────────────────────────────────────────────────────────────────────────────────────

uint32_t Broadcast::now() const {
  return static_cast<uint32_t>(engine_.transport().now_ms());
}

// Bytes wait: the peer has so long to take them.
void Broadcast::wait_for_peer(uint32_t id) {
  const Subscription& subscription = subscriptions_[id];
  const Terms& terms = terms_[subscription.terms];
  double ms = terms.stall_ms == 0 ? UINT32_MAX : terms.stall_ms;
  if (terms.min_bytes_per_second > 0) {
    const auto bytes = static_cast<double>(engine_.feed_waiting(subscription.slot));
    ms = std::min(ms, kRateGraceMs + bytes / terms.min_bytes_per_second * 1000);
  }
  engine_.set_feed_deadline(subscription.slot, ms < UINT32_MAX ? static_cast<uint32_t>(ms) : 0);
}

// Nothing waits: the next thing to happen is a heartbeat, or the end of a quiet peer's patience. A
// write in between moves neither; the time that is left is looked at when it comes.
void Broadcast::rest(uint32_t id) {
  const Subscription& subscription = subscriptions_[id];
  const uint32_t quiet = now() - subscription.wrote_at;
  const auto left = [quiet](uint32_t ms) { return quiet < ms ? ms - quiet : ms; };
  const uint32_t heartbeat_ms = terms_[subscription.terms].heartbeat_ms;
  uint32_t ms = heartbeat_ms == 0 ? 0 : left(heartbeat_ms);
  if (subscription.half_closed) ms = std::min(ms == 0 ? UINT32_MAX : ms, left(patience_ms()));
  engine_.set_feed_deadline(subscription.slot, ms);
}

// So that with a tick of the timers behind it, the time is not much over: a source must hear of it
// within a second.
uint32_t Broadcast::patience_ms() const {
  return kHalfClosedMs - std::min(engine_.tick_ms(), kHalfClosedMs / 5);
}

}  // namespace catzilla::broadcast
