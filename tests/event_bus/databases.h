// A database of each kind with a service's session in it, for tests of the event bus.
#ifndef POSTROAD_TESTS_EVENT_BUS_DATABASES_H_
#define POSTROAD_TESTS_EVENT_BUS_DATABASES_H_

#include <memory>
#include <string>
#include <vector>

#include "postroad/event_bus.h"

namespace postroad::testing {

class Database {
 public:
  virtual ~Database() = default;
  virtual std::string url() const = 0;
  // The first column of the first row.
  virtual std::string One(const std::string& sql) = 0;
  virtual Result<std::string> Send(const event_bus::EventProducer& producer,
                                   const event_bus::EventInput& input) = 0;

  // In one transaction.
  void Commit(const event_bus::EventProducer& producer,
              const std::vector<event_bus::EventInput>& inputs);
  void Rollback(const event_bus::EventProducer& producer,
                const std::vector<event_bus::EventInput>& inputs);
  int Count(const std::string& where);  // rows of postroad_outbox

 private:
  void Transaction(const event_bus::EventProducer& producer,
                   const std::vector<event_bus::EventInput>& inputs, const std::string& end);
};

std::unique_ptr<Database> NewSqlite();
std::unique_ptr<Database> NewMariaDb();
std::unique_ptr<Database> NewPostgres();

struct DatabaseKind {
  const char* name;
  std::unique_ptr<Database> (*make)();
};
inline const DatabaseKind kDatabases[] = {
    {"Sqlite", NewSqlite}, {"MariaDb", NewMariaDb}, {"Postgres", NewPostgres}};

}  // namespace postroad::testing

#endif  // POSTROAD_TESTS_EVENT_BUS_DATABASES_H_
