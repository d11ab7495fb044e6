#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>
#include <vector>

namespace catzilla {

// Names one use of a slot. A handle that outlives its use finds nothing: the generation has moved
// on.
struct Handle {
  uint32_t slot = 0;
  uint32_t generation = 0;
};

// Equal slots in segments that are reserved when first needed and never move, so that a pointer to
// a slot holds until the slot is released. Free slots form a list, last out first: a warm slot is
// used again before a cold one.
//
//   segments_ ─▶ [ slot 0 | slot 1 | … | slot 4095 ] ─ calloc: untouched pages cost nothing
//             ─▶ [ slot 4096 | … ]
//
// Invariants: a slot's generation grows at each release and is never 0, so a zero handle is never
// valid. allocate, release and get are O(1). Thread: loop.
template <typename T>
class Slab {
 public:
  static constexpr uint32_t kSegmentSlots = 4096;
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kLive = UINT32_MAX - 1;

  Slab() = default;
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;
  ~Slab() {
    for (uint32_t slot = 0; slot < reserved_; ++slot) {
      if (live(slot)) value(slot).~T();
    }
    for (Cell* segment : segments_)
      std::free(segment);
  }

  // kNone when memory is out.
  template <typename... Args>
  [[nodiscard]] uint32_t allocate(Args&&... args) {
    uint32_t slot = first_free_;
    if (slot != kNone) {
      first_free_ = cell(slot).next_free;
    } else {
      if (reserved_ % kSegmentSlots == 0 && !add_segment()) return kNone;
      slot = reserved_++;
      cell(slot).generation = 1;
    }
    cell(slot).next_free = kLive;
    new (cell(slot).storage) T(std::forward<Args>(args)...);
    ++size_;
    return slot;
  }

  void release(uint32_t slot) {
    Cell& freed = cell(slot);
    value(slot).~T();
    bump(slot);
    freed.next_free = first_free_;
    first_free_ = slot;
    --size_;
  }

  // A slot that goes on with another use: handles to the one before find nothing any more.
  void bump(uint32_t slot) {
    if (++cell(slot).generation == 0) cell(slot).generation = 1;
  }

  // nullptr for a handle whose use has ended.
  [[nodiscard]] T* find(Handle handle) {
    if (handle.slot >= reserved_) return nullptr;
    Cell& found = cell(handle.slot);
    return found.next_free == kLive && found.generation == handle.generation ? &value(handle.slot)
                                                                             : nullptr;
  }

  // Of a live slot.
  T& operator[](uint32_t slot) { return value(slot); }
  [[nodiscard]] uint32_t generation(uint32_t slot) { return cell(slot).generation; }
  [[nodiscard]] bool live(uint32_t slot) {
    return slot < reserved_ && cell(slot).next_free == kLive;
  }

  [[nodiscard]] uint32_t size() const { return size_; }
  [[nodiscard]] uint32_t reserved() const { return reserved_; }

 private:
  struct Cell {
    uint32_t generation;
    uint32_t next_free;  // kLive while it is used
    alignas(T) unsigned char storage[sizeof(T)];
  };

 public:
  static constexpr size_t kCellBytes = sizeof(Cell);

 private:
  bool add_segment() {
    void* segment = std::calloc(kSegmentSlots, sizeof(Cell));
    if (segment == nullptr) return false;
    segments_.push_back(static_cast<Cell*>(segment));
    return true;
  }
  Cell& cell(uint32_t slot) { return segments_[slot / kSegmentSlots][slot % kSegmentSlots]; }
  T& value(uint32_t slot) { return *std::launder(reinterpret_cast<T*>(cell(slot).storage)); }

  std::vector<Cell*> segments_;
  uint32_t first_free_ = kNone;
  uint32_t reserved_ = 0;
  uint32_t size_ = 0;
};

}  // namespace catzilla
