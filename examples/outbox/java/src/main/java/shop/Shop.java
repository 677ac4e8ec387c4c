// A shop that takes orders. The order, the stock and the event are written in one transaction, with
// plain JDBC: all of them are there, or none. Spring's, Hibernate's or Exposed's transactions do as
// well: what counts is that the statement runs in them.
//
//   postroad outbox install --url "$DATABASE"
//   mvn -q compile dependency:copy-dependencies
//   java -cp 'target/classes:target/dependency/*' shop.Shop "jdbc:postgresql://localhost/shop" 100
package shop;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

public final class Shop {
  private static final String TABLES =
      """
      CREATE TABLE IF NOT EXISTS shop_stock (item text PRIMARY KEY, pieces int NOT NULL);
      CREATE TABLE IF NOT EXISTS shop_order (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer text NOT NULL, item text NOT NULL);
      INSERT INTO shop_stock VALUES ('coffee', 30), ('tea', 20), ('salt', 0)
        ON CONFLICT DO NOTHING
      """;
  private static final List<String> ITEMS = List.of("coffee", "tea", "salt");
  private static final int CLERKS = 4;

  /** Writes the event into the outbox; it is sent if, and once, the connection's transaction commits. */
  private static void enqueuePlaced(Connection db, long order, String item, int left)
      throws SQLException {
    try (PreparedStatement post =
        db.prepareStatement(
            "SELECT postroad_post('orders', jsonb_build_object('order', ?::bigint, 'item', ?::text,"
                + " 'left', ?::int), key => ?, type => 'order.placed')")) {
      post.setLong(1, order);
      post.setString(2, item);
      post.setInt(3, left);
      post.setString(4, item);
      post.execute();
    }
  }

  private static long insertOrder(Connection db, String customer, String item) throws SQLException {
    try (PreparedStatement insert =
        db.prepareStatement(
            "INSERT INTO shop_order (customer, item) VALUES (?, ?) RETURNING id")) {
      insert.setString(1, customer);
      insert.setString(2, item);
      return number(insert);
    }
  }

  /** Whoever buys the same item waits here, so the item's events have the order of its sales. */
  private static int takePiece(Connection db, String item) throws SQLException {
    try (PreparedStatement update =
        db.prepareStatement(
            "UPDATE shop_stock SET pieces = pieces - 1 WHERE item = ? RETURNING pieces")) {
      update.setString(1, item);
      return (int) number(update);
    }
  }

  private static long number(PreparedStatement statement) throws SQLException {
    try (ResultSet rows = statement.executeQuery()) {
      rows.next();
      return rows.getLong(1);
    }
  }

  /** Takes a piece out of the stock for a customer, or leaves everything as it was. */
  private static boolean placeOrder(Connection db, String customer, String item)
      throws SQLException {
    db.setAutoCommit(false);
    try {
      long order = insertOrder(db, customer, item);
      int left = takePiece(db, item);
      enqueuePlaced(db, order, item, left);
      if (left < 0) {
        db.rollback(); // sold out: no order, no stock, no event
        return false;
      }
      db.commit();
      return true;
    } catch (SQLException failed) {
      db.rollback();
      throw failed;
    }
  }

  public static void main(String[] words) throws Exception {
    String url = words[0];
    int orders = Integer.parseInt(words[1]);
    try (Connection db = DriverManager.getConnection(url);
        Statement statement = db.createStatement()) {
      statement.execute(TABLES);
    }
    AtomicInteger next = new AtomicInteger(), sold = new AtomicInteger(), refused = new AtomicInteger();
    ExecutorService clerks = Executors.newFixedThreadPool(CLERKS);
    List<Future<?>> work = new ArrayList<>();
    for (int i = 0; i < CLERKS; ++i) {
      work.add(
          clerks.submit(
              () -> {
                try (Connection db = DriverManager.getConnection(url)) {
                  for (int n = next.incrementAndGet(); n <= orders; n = next.incrementAndGet()) {
                    String item = ITEMS.get(n % ITEMS.size());
                    (placeOrder(db, "customer-" + n % 7, item) ? sold : refused).incrementAndGet();
                  }
                }
                return null;
              }));
    }
    clerks.shutdown();
    for (Future<?> clerk : work) {
      clerk.get();
    }
    System.out.println(sold + " orders placed, " + refused + " refused");
  }
}
