// What every tool here does as a process: fail loudly, stay on its core, never outlive its bound.
#pragma once

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace bench {

// A measurement that went wrong has no value, so there is nothing to recover: say why and leave
// with status 1.
[[noreturn]] __attribute__((format(printf, 1, 2))) inline void die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fputc('\n', stderr);
  std::exit(1);
}

inline void pin_to_core(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  if (sched_setaffinity(0, sizeof cores, &cores) != 0)
    die("cannot run on core %d of this machine", core);
}

// A server that stops answering must end the run with a sentence, not hang it.
inline void die_after(unsigned seconds) {
  signal(SIGALRM, [](int) {
    static constexpr char kMessage[] = "deadline passed: the server stopped answering\n";
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
    _exit(1);
  });
  alarm(seconds);
}

}  // namespace bench
