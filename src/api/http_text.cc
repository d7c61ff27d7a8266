#include "api/http_text.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/text.h"

namespace weft::api {

using base::Code;

namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 413: return "Content Too Large";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Internal Server Error";
  }
}

std::string_view content_type(Framing framing) {
  return framing == Framing::JsonLines ? "application/x-ndjson" : "text/event-stream";
}

std::string_view name_of(Connection connection) { return connection == Connection::Close ? "close" : "keep-alive"; }

}  // namespace

int http_status(Code code) {
  switch (code) {
    case Code::Failed: return 500;
    case Code::Usage: return 400;
    case Code::NotFound: return 404;
    case Code::Conflict: return 409;
    case Code::Denied: return 403;
    case Code::Unavailable: return 503;
    case Code::Limit: return 429;
    case Code::TimedOut: return 504;
  }
  CHECK(false);
}

std::string error_json(const Error& error) {
  nlohmann::ordered_json told;
  told["error"]["code"] = base::name_of(error.code);
  told["error"]["message"] = error.what;
  if (!error.field.empty()) told["error"]["field"] = error.field;
  if (!error.holder.empty()) told["error"]["holder"] = error.holder;
  return told.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string http_answer(int status, std::string_view body, Connection connection) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: {}\r\n\r\n{}\n", status,
      reason_of(status), body.size() + 1, name_of(connection), body);
}

std::string http_error(const Error& error, Connection connection) {
  return http_error(http_status(error.code), error, connection);
}
std::string http_error(int status, const Error& error, Connection connection) {
  return http_answer(status, error_json(error), connection);
}

std::string http_stream_head(Framing framing, Connection connection) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\nConnection: {}\r\n\r\n",
                     content_type(framing), name_of(connection));
}

std::string http_forwarded(std::string_view method, const Caller& caller, Framing framing, Shape shape,
                           std::string_view body) {
  return fmt::format(
      "POST /v1/{} HTTP/1.1\r\nHost: weft\r\n{}: {} {}\r\nAccept: {}\r\n{}Content-Length: {}\r\n\r\n{}", method,
      kCallerHeader, name_of(caller.role), caller.actor, content_type(framing),
      shape == Shape::Upgrade ? "Connection: close, Upgrade\r\nUpgrade: weft-frames\r\n" : "Connection: close\r\n",
      body.size(), body);
}

Result<Caller> parse_caller(std::string_view header) {
  constexpr size_t kLongestActor = 64;
  const size_t space = header.find(' ');
  const auto role = role_named(header.substr(0, space));
  const std::string_view actor = space == std::string_view::npos ? "" : header.substr(space + 1);
  if (!role || actor.empty() || actor.size() > kLongestActor) {
    return error(Code::Usage, "{} is not ROLE ACTOR", base::printable(header));
  }
  return Caller{.role = *role, .actor = std::string(actor)};
}

std::string http_chunk(std::string_view bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }
std::string http_last_chunk() { return "0\r\n\r\n"; }

std::string frame_item(Framing framing, std::string_view json) {
  return framing == Framing::JsonLines ? fmt::format("{}\n", json) : fmt::format("data: {}\n\n", json);
}

}  // namespace weft::api
