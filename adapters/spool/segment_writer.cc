#include "adapters/spool/segment_writer.h"

#include <fcntl.h>

#include <random>
#include <string>
#include <system_error>
#include <utility>

namespace hermes::spool {
namespace {

AppendError io_error(const std::system_error& error) { return {AppendError::Kind::io, std::string("spool: ") + error.what()}; }

}  // namespace

SegmentWriter::SegmentWriter(File file, std::uint32_t salt)
    : file_(std::make_shared<const File>(std::move(file))), salt_(salt) {}

Result<SegmentWriter, AppendError> SegmentWriter::create(const std::filesystem::path& folder, Sequence first_sequence,
                                                         bool durable) {
  const std::filesystem::path path = folder / segment_name(first_sequence);
  try {
    SegmentWriter writer(File(path, O_RDWR | O_CREAT | O_TRUNC), std::random_device{}());
    writer.file_->write_at(0, encode_header({first_sequence, writer.salt_}));
    if (durable) {
      writer.file_->sync();
      sync_folder(folder);
    }
    return writer;
  } catch (const std::system_error& error) {
    std::error_code ignored;  // readers ignore a file with a header cut short: leaving it does no harm
    std::filesystem::remove(path, ignored);
    return fail(io_error(error));
  }
}

Result<Done, AppendError> SegmentWriter::append(std::string_view frame) {
  try {
    file_->write_at(bytes_, frame);
    bytes_ += frame.size();
    return Done{};
  } catch (const std::system_error& error) {
    cut_back_to(bytes_);
    return fail(io_error(error));
  }
}

void SegmentWriter::cut_back_to(std::uint64_t bytes) {
  bytes_ = bytes;
  try {
    file_->truncate(bytes);
  } catch (const std::system_error&) {
    usable_ = false;
  }
}

}  // namespace hermes::spool
