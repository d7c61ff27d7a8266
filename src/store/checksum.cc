#include "store/checksum.h"

#include <openssl/evp.h>

#include <cstdint>
#include <memory>

#include "base/check.h"

namespace weft::store {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

void update(EVP_MD_CTX* context, std::string_view part) {
  unsigned char length[8];
  for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(uint64_t{part.size()} >> (8 * i));
  CHECK(EVP_DigestUpdate(context, length, sizeof length) == 1);
  CHECK(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
}

}  // namespace

std::string checksum(std::initializer_list<std::string_view> parts) {
  const Context context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  CHECK(context != nullptr);
  CHECK(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  for (const std::string_view part : parts) update(context.get(), part);
  unsigned char digest[EVP_MAX_MD_SIZE];
  CHECK(EVP_DigestFinal_ex(context.get(), digest, nullptr) == 1);
  return std::string(reinterpret_cast<const char*>(digest), kChecksumBytes);
}

}  // namespace weft::store
