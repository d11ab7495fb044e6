#include "test/fake_kernel.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace catzilla::test {

FakeKernel::~FakeKernel() {
  CONTRACT(ended_);
}

// ── the test's side ──────────────────────────────────────────────────────────────────────────────

Peer* FakeKernel::connect() {
  const net::SocketId id = handler_.on_connect();
  if (id == net::kNoSocket) return nullptr;
  for (const Peer* other : open_) {
    CONTRACT(other->id != id);
  }
  Peer& peer = peers_.emplace_back();
  peer.id = id;
  open_.push_back(&peer);
  return &peer;
}

void FakeKernel::send(Peer& peer, std::string_view bytes) {
  if (peer.closed || peer.closing) return;
  peer.unread += bytes;
  deliver(peer);
}

void FakeKernel::finish(Peer& peer) {
  peer.fin_unread = true;
  if (!peer.closing) deliver(peer);
}

void FakeKernel::reset(Peer& peer) {
  peer.gone = true;
  if (!peer.closing) deliver(peer);
}

void FakeKernel::make_room(Peer& peer, size_t bytes) {
  peer.room = bytes > SIZE_MAX - peer.room ? SIZE_MAX : peer.room + bytes;
}

void FakeKernel::run() {
  constexpr int kMostTurns = 100'000;
  int turns = 0;
  while (turn()) {
    CONTRACT(++turns < kMostTurns);  // the engine keeps the loop awake for nothing
  }
}

bool FakeKernel::turn() {
  bool busy = false;
  const std::vector<Peer*> open = open_;
  for (Peer* peer : open) {
    if (!peer->closing) busy = take_waiting(*peer) || busy;
    if (!peer->closing) busy = deliver(*peer) || busy;
  }
  busy = std::exchange(woken_, false) || busy;
  if (!ending_) handler_.on_wake();
  for (Peer* peer : open) {
    if (!peer->closing || peer->closed) continue;
    peer->closed = true;
    peer->waiting.clear();
    std::erase(open_, peer);
    handler_.on_closed(peer->id);
    busy = true;
  }
  if (ending_ && !ended_ && open_.empty()) {
    ended_ = true;
    const auto closed = std::move(when_closed_);
    closed();  // may delete this
    return false;
  }
  return busy || woken_;
}

void FakeKernel::advance(uint32_t ms) {
  const uint64_t until = now_ms_ + ms;
  while (tick_ms_ > 0 && next_tick_ms_ <= until) {
    now_ms_ = next_tick_ms_;
    next_tick_ms_ += tick_ms_;
    handler_.on_tick();
    run();
  }
  now_ms_ = until;
}

bool FakeKernel::deliver(Peer& peer) {
  if (!peer.reading) return false;
  if (!peer.unread.empty()) {
    // A block of its own, as large as a read may be.
    const size_t size = std::min<size_t>(peer.unread.size(), 64 * 1024);
    const std::unique_ptr<char[]> block(new char[size]);
    std::memcpy(block.get(), peer.unread.data(), size);
    peer.unread.erase(0, size);
    handler_.on_data(peer.id, {block.get(), size});
    return true;
  }
  if (peer.gone) {
    peer.reading = false;
    handler_.on_lost(peer.id);
    return true;
  }
  if (peer.fin_unread) {
    peer.fin_unread = false;
    peer.reading = false;
    handler_.on_end(peer.id);
    return true;
  }
  return false;
}

// The memory of a wait is read when the kernel takes it, and not before.
bool FakeKernel::take_waiting(Peer& peer) {
  if (!peer.waits) return false;
  if (peer.gone) {
    peer.waits = false;
    peer.waiting.clear();
    handler_.on_lost(peer.id);
    return true;
  }
  if (peer.room == 0) return false;
  if (wakes == Wakes::told) {
    // The memory may be gone: nobody reads it.
    peer.waits = false;
    peer.waiting.clear();
    handler_.on_writable(peer.id, 0);
    return true;
  }
  size_t taken = 0;
  while (!peer.waiting.empty() && peer.room > 0) {
    Slice& first = peer.waiting.front();
    const size_t step = take(peer, first);
    taken += step;
    first = first.subspan(step);
    if (first.empty()) peer.waiting.erase(peer.waiting.begin());
  }
  peer.waiting_taken += taken;
  if (!peer.waiting.empty()) return taken > 0;
  peer.waits = false;
  peer.waiting.clear();
  handler_.on_writable(peer.id, std::exchange(peer.waiting_taken, 0));
  return true;
}

size_t FakeKernel::take(Peer& peer, Slice bytes) {
  const size_t taken = std::min(bytes.size(), peer.room);
  peer.received.append(bytes.data(), taken);
  if (peer.room != SIZE_MAX) peer.room -= taken;
  return taken;
}

// ── net::Transport ───────────────────────────────────────────────────────────────────────────────

int FakeKernel::listen(const net::ListenOptions&) {
  return 0;
}

net::WriteResult FakeKernel::write(net::SocketId id, std::span<const Slice> slices) {
  Peer& peer = at(id);
  CONTRACT(!peer.waits);
  CONTRACT(!peer.fin_received);
  ++writes_;
  size_t asked = 0;
  for (const Slice slice : slices) {
    asked += slice.size();
  }
  CONTRACT(asked > 0);  // a system call for nothing
  if (peer.gone) return {0, net::WriteError::lost};
  size_t taken = 0;
  for (const Slice slice : slices) {
    const size_t step = take(peer, slice);
    taken += step;
    if (step < slice.size()) break;
  }
  return {taken, net::WriteError::none};
}

net::WriteError FakeKernel::wait_writable(net::SocketId id, std::span<const Slice> slices) {
  Peer& peer = at(id);
  CONTRACT(!peer.waits);
  CONTRACT(!peer.fin_received);
  CONTRACT(slices.empty() == only_tells());
  for (const Slice slice : slices) {
    CONTRACT(!slice.empty());
  }
  if (peer.gone) return net::WriteError::lost;
  peer.waits = true;
  peer.waiting_taken = 0;
  peer.waiting.assign(slices.begin(), slices.end());
  return net::WriteError::none;
}

net::FileResult FakeKernel::send_file(net::SocketId id, int fd, uint64_t offset, size_t count) {
  Peer& peer = at(id);
  CONTRACT(!peer.waits);
  CONTRACT(!peer.fin_received);
  CONTRACT(fd == kFile && count > 0);
  ++file_reads;
  if (peer.gone) return {0, net::FileError::lost};
  if (offset >= file->size()) return {0, net::FileError::unreadable};
  return {take(peer, slice_of(std::string_view(*file).substr(offset, count))), {}};
}

std::string FakeKernel::peer(net::SocketId id) {
  at(id);
  return "192.0.2.1";
}

void FakeKernel::resume_reading(net::SocketId id) {
  Peer& peer = at(id);
  peer.reading = true;
  wake_soon();  // bytes may be there
}

void FakeKernel::shutdown(net::SocketId id) {
  Peer& peer = at(id);
  CONTRACT(!peer.waits);
  peer.fin_received = true;
}

void FakeKernel::close(net::SocketId id, bool reset) {
  Peer& peer = at(id);
  peer.closing = true;
  // A kernel that closes a socket with unread bytes sends a RST.
  (reset || !peer.unread.empty() ? peer.reset_received : peer.fin_received) = true;
  woken_ = true;
}

void FakeKernel::wake_soon() {
  CONTRACT(!ending_);
  woken_ = true;
}

void FakeKernel::tick_every(uint32_t interval_ms) {
  tick_ms_ = interval_ms;
  next_tick_ms_ = now_ms_ + interval_ms;
}

void FakeKernel::end(std::function<void()> closed) {
  CONTRACT(!ending_);
  for (const Peer* peer : open_) {
    CONTRACT(peer->closing);
  }
  ending_ = true;
  listening_ = false;
  when_closed_ = std::move(closed);
}

Peer& FakeKernel::at(net::SocketId id) {
  for (Peer* peer : open_) {
    if (peer->id != id) continue;
    CONTRACT(!peer->closing);
    return *peer;
  }
  CONTRACT(!"an open socket");
  std::abort();
}

}  // namespace catzilla::test
