// See tls_files.h.
#include "server/net/tls_files.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <utility>

namespace postroad::server {
namespace {

template <auto kFree>
struct Freer {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

Bio BioOf(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Keys with a pass phrase are not asked for it.
int NoPassPhrase(char*, int, int, void*) { return 0; }

Result<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) return Invalid({}, "cannot read " + path);
  return std::move(text).str();
}

Status CheckPair(const TlsIdentity& identity, const std::string& certificate_file,
                 const std::string& key_file) {
  const Certificate certificate(
      PEM_read_bio_X509(BioOf(identity.certificate_pem).get(), nullptr, nullptr, nullptr));
  if (!certificate) return Invalid({}, certificate_file + " holds no certificate in PEM");
  const Key key(
      PEM_read_bio_PrivateKey(BioOf(identity.key_pem).get(), nullptr, NoPassPhrase, nullptr));
  if (!key) return Invalid({}, key_file + " holds no private key in PEM without a pass phrase");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return Invalid({}, key_file + " is not the key of the certificate in " + certificate_file);
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    return Invalid({}, "the certificate in " + certificate_file + " has expired");
  }
  return {};
}

Result<TlsIdentity> ReadIdentity(const std::string& certificate_file, const std::string& key_file) {
  TlsIdentity identity;
  POSTROAD_ASSIGN(identity.certificate_pem, ReadWhole(certificate_file));
  POSTROAD_ASSIGN(identity.key_pem, ReadWhole(key_file));
  POSTROAD_TRY(CheckPair(identity, certificate_file, key_file));
  return identity;
}

std::string StatText(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return "missing";
  std::ostringstream text;
  text << info.st_ino << ' ' << info.st_size << ' ' << info.st_mtim.tv_sec << '.'
       << info.st_mtim.tv_nsec;
  return std::move(text).str();
}

}  // namespace

TlsFiles::TlsFiles(std::string certificate_file, std::string key_file, Duration interval,
                   Executor& executor, OnChange on_change)
    : certificate_file_(std::move(certificate_file)),
      key_file_(std::move(key_file)),
      interval_(interval),
      executor_(executor),
      on_change_(std::move(on_change)) {}

Result<std::unique_ptr<TlsFiles>> TlsFiles::Open(std::string certificate_file, std::string key_file,
                                                 Duration interval, Executor& executor,
                                                 OnChange on_change) {
  std::unique_ptr<TlsFiles> files(new TlsFiles(std::move(certificate_file), std::move(key_file),
                                               interval, executor, std::move(on_change)));
  files->stamp_ = files->LookAtFiles();
  POSTROAD_TRY(files->Read(1));
  // There, since the timer is that executor's from when it first fires.
  executor.Post([raw = files.get()] { raw->LookLater(); });
  return files;
}

TlsIdentityPtr TlsFiles::Current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

TlsFiles::Stamp TlsFiles::LookAtFiles() const {
  return {StatText(certificate_file_), StatText(key_file_)};
}

Status TlsFiles::Check(const std::string& certificate_file, const std::string& key_file) {
  POSTROAD_TRY(ReadIdentity(certificate_file, key_file));
  return {};
}

Status TlsFiles::Read(uint64_t version) {
  POSTROAD_ASSIGN(TlsIdentity read, ReadIdentity(certificate_file_, key_file_));
  read.version = version;
  auto identity = std::make_shared<const TlsIdentity>(std::move(read));
  std::lock_guard lock(mutex_);
  current_ = std::move(identity);
  return {};
}

void TlsFiles::Look() {
  // The stamp is taken before reading, so that a change meanwhile is seen by the next look.
  const Stamp stamp = LookAtFiles();
  if (stamp != std::exchange(stamp_, stamp)) on_change_(Read(Current()->version + 1));
  LookLater();
}

void TlsFiles::LookLater() {
  timer_ = executor_.PostAfter(interval_, [this] { Look(); });
}

}  // namespace postroad::server
