// LevelDB as a log: a 64 MB memtable, no compression (payloads are random), everything else as it comes.
#include <leveldb/db.h>
#include <leveldb/options.h>
#include <leveldb/write_batch.h>

#include "peer.h"

namespace {

void Check(const leveldb::Status& status) {
  if (!status.ok()) bench::Fail(status.ToString());
}

leveldb::Slice ToSlice(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

class LevelStore : public bench::Store {
 public:
  explicit LevelStore(const std::string& directory) {
    leveldb::Options options;
    options.create_if_missing = true;
    options.compression = leveldb::kNoCompression;
    options.write_buffer_size = size_t{64} << 20;
    leveldb::DB* db = nullptr;
    Check(leveldb::DB::Open(options, directory + "/log", &db));
    db_.reset(db);
  }

  void Put(std::string_view key, std::string_view value) override { batch_.Put(ToSlice(key), ToSlice(value)); }

  void Commit() override {
    leveldb::WriteOptions options;
    options.sync = true;
    Check(db_->Write(options, &batch_));
    batch_.Clear();
  }

  void ReadAll(void (*visit)(void*, std::string_view), void* context) override {
    leveldb::ReadOptions options;
    options.fill_cache = false;
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(options));
    for (at->SeekToFirst(); at->Valid(); at->Next()) visit(context, {at->value().data(), at->value().size()});
    Check(at->status());
  }

 private:
  std::unique_ptr<leveldb::DB> db_;
  leveldb::WriteBatch batch_;
};

std::unique_ptr<bench::Store> Open(const std::string& directory) { return std::make_unique<LevelStore>(directory); }

}  // namespace

int main(int argc, char** argv) { return bench::Run(argc, argv, Open); }
