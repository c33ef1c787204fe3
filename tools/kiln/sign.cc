// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "proto/artifact/artifact.pb.h"
#include "proto/artifact/layout.h"
#include "proto/codec/file.h"
#include "runtime/artifact/artifact_file.h"
#include "runtime/artifact/signing_key.h"
#include "tools/kiln/commands.h"
#include "tools/kiln/flags.h"

namespace kiln::tools {
namespace {

struct SignCommand {
  std::string artifact;
  std::string key;      // To sign with.
  std::string makeKey;  // NAME of a new pair.
  std::string check;    // Public key.
  bool json = false;
};

void print(const SignCommand& options, const nlohmann::ordered_json& json, const std::string& line) {
  if (options.json) {
    std::printf("%s\n", json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s\n", line.c_str());
  }
}

Status makeKeyPair(const SignCommand& options) {
  KILN_ASSIGN_OR_RETURN(const SecretKey key, makeSecretKey());
  KILN_RETURN_IF_ERROR(writeKeyPair(options.makeKey, key));
  const std::string publicKey = toHex(publicKeyOf(key));
  const std::string secretFile = options.makeKey + ".key", publicFile = options.makeKey + ".pub";
  print(options, {{"secretKeyFile", secretFile}, {"publicKeyFile", publicFile}, {"publicKey", publicKey}},
        secretFile + " signs, and is secret; " + publicFile + " checks: " + publicKey);
  return {};
}

// The artifact's bytes with the signature in place of an old one, or in a folder the signature's file.
Status writeSignature(const std::string& path, const ArtifactFile& artifact, const artifact::Signature& signature) {
  const std::span<const uint8_t> trailer(reinterpret_cast<const uint8_t*>(&signature), sizeof signature);
  if (artifact.isFolder()) {
    return writeFileAtomically((std::filesystem::path(path) / artifact::kSignatureFile).string(), {&trailer, 1});
  }
  KILN_ASSIGN_OR_RETURN(const ReadableFile file, ReadableFile::open(path));
  KILN_ASSIGN_OR_RETURN(const std::shared_ptr<const MappedFile> mapped, file.map());
  const std::string_view bytes = mapped->bytes().substr(0, artifact.numBytes());
  const std::span<const uint8_t> pieces[] = {{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, trailer};
  return writeFileAtomically(path, pieces);
}

Status signArtifact(const SignCommand& options) {
  KILN_ASSIGN_OR_RETURN(const SecretKey key, readSecretKey(options.key));
  KILN_ASSIGN_OR_RETURN(const auto artifact, ArtifactFile::open(options.artifact, {.verifyWeights = true}));
  for (int i = 0; i < artifact->manifest().images_size(); ++i) {
    // What is signed is what was compiled: code that was damaged since is refused here.
    KILN_RETURN_IF_ERROR(artifact->readImage(static_cast<size_t>(i)).status());
  }
  KILN_ASSIGN_OR_RETURN(const Sha256 digest, artifact->digest());
  KILN_RETURN_IF_ERROR(writeSignature(options.artifact, *artifact, signDigest(digest, key)));
  const std::string publicKey = toHex(publicKeyOf(key));
  print(options, {{"artifact", options.artifact}, {"publicKey", publicKey}},
        options.artifact + ": signed with the key " + publicKey);
  return {};
}

Status checkSignature(const SignCommand& options) {
  KILN_RETURN_IF_ERROR(ArtifactFile::open(options.artifact, {.requireSignature = options.check}).status());
  KILN_ASSIGN_OR_RETURN(const PublicKey key, readPublicKey(options.check));
  const std::string publicKey = toHex(key);
  print(options, {{"artifact", options.artifact}, {"publicKey", publicKey}, {"isValid", true}},
        options.artifact + ": the signature is that of " + publicKey);
  return {};
}

Status run(const SignCommand& options) {
  const int numActions =
      (options.key.empty() ? 0 : 1) + (options.makeKey.empty() ? 0 : 1) + (options.check.empty() ? 0 : 1);
  if (numActions != 1) {
    return makeError<ErrorId::kT0034>("kiln sign takes one of --key, --check and --make-key");
  }
  if (options.artifact.empty() != !options.makeKey.empty()) {
    return makeError<ErrorId::kT0034>(options.artifact.empty()
                                          ? "no artifact is given to sign or to check"
                                          : "--make-key makes a pair of keys and takes no artifact");
  }
  return !options.makeKey.empty() ? makeKeyPair(options)
         : !options.key.empty()   ? signArtifact(options)
                                  : checkSignature(options);
}

}  // namespace

void addSignCommand(CLI::App& app, Status& status) {
  auto sign = std::make_shared<SignCommand>();
  CLI::App* command = app.add_subcommand("sign", "signs an artifact, checks its signature, or makes keys");
  command->footer(
      "Examples:\n  kiln sign --make-key me            writes me.key, which is secret, and me.pub\n"
      "  kiln sign model.kiln --key me.key\n  kiln sign model.kiln --check me.pub\n"
      "  kiln-run model.kiln --require-signature=me.pub --feed x=@x.npy");
  command->add_option("ARTIFACT", sign->artifact, "file or folder that kiln compile wrote");
  command->add_option("--key", sign->key, "file of the secret key to sign with");
  command->add_option("--make-key", sign->makeKey, "make NAME.key and NAME.pub");
  command->add_option("--check", sign->check,
                      "public key that the signature must be of: a file or 64 hexadecimal digits");
  addJson(*command, sign->json);
  command->callback([sign, &status] { status = run(*sign); });
}

}  // namespace kiln::tools
