// RocksDB as a log, as well as it can be set for one: FIFO compaction, which rewrites nothing, no compression (payloads
// are random), 64 MB memtables of which four may wait, one writer, recycled write-ahead logs.
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include "peer.h"

namespace {

void Check(const rocksdb::Status& status) {
  if (!status.ok()) bench::Fail(status.ToString());
}

rocksdb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class RocksStore : public bench::Store {
 public:
  explicit RocksStore(const std::string& directory) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.compaction_style = rocksdb::kCompactionStyleFIFO;
    options.compaction_options_fifo.max_table_files_size = uint64_t{1} << 40;
    options.max_open_files = -1;
    options.write_buffer_size = size_t{64} << 20;
    options.max_write_buffer_number = 4;
    options.allow_concurrent_memtable_write = false;
    options.recycle_log_file_num = 4;
    rocksdb::DB* db = nullptr;
    Check(rocksdb::DB::Open(options, directory + "/log", &db));
    db_.reset(db);
  }

  ~RocksStore() override { Check(db_->Close()); }

  void Put(std::string_view key, std::string_view value) override { Check(batch_.Put(ToSlice(key), ToSlice(value))); }

  void Commit() override {
    rocksdb::WriteOptions options;
    options.sync = true;
    Check(db_->Write(options, &batch_));
    batch_.Clear();
  }

  void ReadAll(void (*visit)(void*, std::string_view), void* context) override {
    rocksdb::ReadOptions options;
    options.readahead_size = size_t{2} << 20;
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
    for (at->SeekToFirst(); at->Valid(); at->Next()) visit(context, {at->value().data(), at->value().size()});
    Check(at->status());
  }

 private:
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteBatch batch_;
};

std::unique_ptr<bench::Store> Open(const std::string& directory) { return std::make_unique<RocksStore>(directory); }

}  // namespace

int main(int argc, char** argv) { return bench::Run(argc, argv, Open); }
