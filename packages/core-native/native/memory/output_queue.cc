#include "memory/output_queue.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace catzilla::memory {

bool OutputQueue::append(BufferPool& pool, Slice bytes) {
  if (bytes.empty()) return true;
  Node* node = open_node();
  if (node == nullptr) return false;
  const size_t taken = copy(*node, pool, bytes);
  bytes_ += taken;
  return taken == bytes.size();
}

bool OutputQueue::append(std::unique_ptr<ExternalBytes> source, uint64_t offset, uint64_t end) {
  if (offset >= end) return true;
  Node* node = open_node();
  if (node == nullptr) return false;
  node->external = std::move(source);
  node->offset = offset;
  node->end = end;
  bytes_ += end - offset;
  return true;
}

size_t OutputQueue::window(BufferPool& pool, Window& window, bool holds) {
  if (first_ == nullptr) return 0;
  if (!holds && first_->first == nullptr) {
    const Slice bytes = first_->external->bytes();
    if (bytes.size() < first_->end) return 0;  // taken away
    const uint64_t left = first_->end - first_->offset;
    window[0] = bytes.subspan(first_->offset, std::min<uint64_t>(left, kDirectBytes));
    return 1;
  }
  if (!refill(*first_, pool)) return 0;
  size_t count = 0;
  for (Segment* segment = first_->first; segment != nullptr && count < window.size();
       segment = segment->next) {
    window[count++] = {segment->data + segment->begin, segment->size()};
  }
  return count;
}

void OutputQueue::consume(BufferPool& pool, size_t count) {
  bytes_ -= count;
  while (count > 0) {
    Segment* segment = first_->first;
    if (segment == nullptr) {
      const uint64_t taken = std::min<uint64_t>(count, first_->end - first_->offset);
      first_->offset += taken;
      count -= taken;
      if (first_->offset < first_->end) return;
      first_->external.reset();
      drop_first();
      continue;
    }
    const size_t taken = std::min(count, segment->size());
    segment->begin += static_cast<uint32_t>(taken);
    count -= taken;
    if (segment->size() > 0) return;
    first_->first = segment->next;
    if (first_->first == nullptr) first_->last = nullptr;
    pool.give_back(segment);
    if (first_->first == nullptr && first_->external == nullptr) drop_first();
  }
}

void OutputQueue::drop_first() {
  Node* emptied = first_;
  first_ = emptied->next;
  if (first_ == nullptr) last_ = nullptr;
  delete emptied;
}

void OutputQueue::clear(BufferPool& pool) {
  while (first_ != nullptr) {
    Node* node = first_;
    first_ = node->next;
    while (node->first != nullptr) {
      Segment* segment = node->first;
      node->first = segment->next;
      pool.give_back(segment);
    }
    delete node;
  }
  last_ = nullptr;
  bytes_ = 0;
}

// The node that takes what comes next: nothing may be copied in front of external bytes.
OutputQueue::Node* OutputQueue::open_node() {
  if (last_ != nullptr && last_->external == nullptr) return last_;
  Node* node = new (std::nothrow) Node;
  if (node == nullptr) return nullptr;
  (last_ == nullptr ? first_ : last_->next) = node;
  last_ = node;
  return node;
}

// Gives the number of bytes copied: fewer than asked for when memory is out.
size_t OutputQueue::copy(Node& node, BufferPool& pool, Slice bytes) {
  size_t copied = 0;
  while (copied < bytes.size()) {
    if (node.last == nullptr || node.last->room() == 0) {
      Segment* segment = pool.take();
      if (segment == nullptr) break;
      (node.last == nullptr ? node.first : node.last->next) = segment;
      node.last = segment;
    }
    Segment& into = *node.last;
    const size_t step = std::min(bytes.size() - copied, into.room());
    std::memcpy(into.data + into.end, bytes.data() + copied, step);
    into.end += static_cast<uint32_t>(step);
    copied += step;
  }
  return copied;
}

// Brings the next window of external bytes into segments, once the copied ones are gone.
bool OutputQueue::refill(Node& node, BufferPool& pool) {
  if (node.first != nullptr) return true;
  const Slice bytes = node.external->bytes();
  if (bytes.size() < node.end) return false;  // taken away
  const size_t step =
      std::min<uint64_t>(node.end - node.offset, kWindowSlices * Segment::kCapacity);
  if (copy(node, pool, bytes.subspan(node.offset, step)) < step) return false;
  node.offset += step;
  if (node.offset == node.end) node.external.reset();
  return true;
}

}  // namespace catzilla::memory
