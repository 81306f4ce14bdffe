// Errors that cross into Python: a kind (which Python exception) and a message.
#pragma once

#include <exception>
#include <sstream>
#include <string>

namespace tl {

enum class ErrorKind { runtime, type, value, index, not_implemented, out_of_memory, overflow };

class Error : public std::exception {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
  std::string message_;
};

// A warning for the user; the Python layer routes it to `warnings.warn` (UserWarning).
void warn(const std::string& message);
extern void (*warning_handler)(const std::string&);

template <class... Parts>
[[noreturn, gnu::cold, gnu::noinline]] void fail(ErrorKind kind, const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  throw Error(kind, out.str());
}

#define TL_CHECK_KIND(kind, cond, ...)                \
  do {                                                \
    if (!(cond)) [[unlikely]]                         \
      ::tl::fail(::tl::ErrorKind::kind, __VA_ARGS__); \
  } while (0)
#define TL_CHECK(cond, ...) TL_CHECK_KIND(runtime, cond, __VA_ARGS__)
#define TL_CHECK_TYPE(cond, ...) TL_CHECK_KIND(type, cond, __VA_ARGS__)
#define TL_CHECK_VALUE(cond, ...) TL_CHECK_KIND(value, cond, __VA_ARGS__)
#define TL_CHECK_INDEX(cond, ...) TL_CHECK_KIND(index, cond, __VA_ARGS__)
#define TL_CHECK_NOTIMPL(cond, ...) TL_CHECK_KIND(not_implemented, cond, __VA_ARGS__)

}  // namespace tl
