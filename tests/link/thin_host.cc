// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The smallest host: it links the runtime library and nothing else of Kiln's, and runs a model without code as far as
// one goes.
#include <cstdio>

#include "runtime/session/session.h"

namespace {

class NoCode : public kiln::ExecutableSource {
 public:
  NoCode() {
    info_.variables = {{.name = "w", .dtype = kiln::f32, .dims = {2}, .initialValue = nullptr}};
    info_.variables[0].initialValue = std::make_shared<kiln::Tensor>(kiln::Tensor::of<float>({2}, {1, 2}));
  }
  const kiln::ModelInfo& model() const override { return info_; }
  kiln::StatusOr<std::shared_ptr<const kiln::Executable>> find(const kiln::ExecutableRequest&,
                                                               std::span<const int64_t>) override {
    return kiln::LoadedImage::load({}).status();
  }

 private:
  kiln::ModelInfo info_;
};

}  // namespace

int main() {
  auto session = kiln::Session::create(std::make_shared<NoCode>());
  if (!session.ok() || session->variable("w")->at(1) != 2) {
    std::printf("no session: %s\n", session.status().ToString().c_str());
    return 1;
  }
  kiln::Status status = session->prepare({"x"}, {"y"}).status();
  std::printf("%s\n", status.ToString().c_str());
  // The image has no bytes and no digest.
  return kiln::errorIdOf(status) == "KILN-R0101" ? 0 : 1;
}
