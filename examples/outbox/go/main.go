// A shop that takes orders. The order, the stock and the event are written in one transaction, with
// database/sql and a driver of your choice (here pgx): all of them are there, or none.
//
//	postroad outbox install --url "$DATABASE"
//	go run . "$DATABASE" 100
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	_ "github.com/jackc/pgx/v5/stdlib"
)

const tables = `
CREATE TABLE IF NOT EXISTS shop_stock (item text PRIMARY KEY, pieces int NOT NULL);
CREATE TABLE IF NOT EXISTS shop_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer text NOT NULL, item text NOT NULL);
INSERT INTO shop_stock VALUES ('coffee', 30), ('tea', 20), ('salt', 0) ON CONFLICT DO NOTHING`

var items = []string{"coffee", "tea", "salt"}

// placed is the payload of the event order.placed.
type placed struct {
	Order int64  `json:"order"`
	Item  string `json:"item"`
	Left  int    `json:"left"`
}

var errSoldOut = errors.New("sold out")

// enqueue writes an event into the outbox; it is sent if, and once, tx commits.
func enqueue(ctx context.Context, tx *sql.Tx, topic, key, eventType string, payload any) error {
	body, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `SELECT postroad_post($1, $2::jsonb, key => $3, type => $4)`,
		topic, string(body), key, eventType)
	return err
}

// placeOrder takes a piece out of the stock for a customer, or leaves everything as it was.
func placeOrder(ctx context.Context, db *sql.DB, customer, item string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	event := placed{Item: item}
	err = tx.QueryRowContext(ctx,
		`INSERT INTO shop_order (customer, item) VALUES ($1, $2) RETURNING id`,
		customer, item).Scan(&event.Order)
	if err != nil {
		return err
	}
	// Whoever buys the same item waits here, so the item's events have the order of its sales.
	err = tx.QueryRowContext(ctx,
		`UPDATE shop_stock SET pieces = pieces - 1 WHERE item = $1 RETURNING pieces`,
		item).Scan(&event.Left)
	if err != nil {
		return err
	}
	if err := enqueue(ctx, tx, "orders", item, "order.placed", event); err != nil {
		return err
	}
	if event.Left < 0 {
		return errSoldOut // rolled back: no order, no stock, no event
	}
	return tx.Commit()
}

func run(database string, orders int) error {
	ctx := context.Background()
	db, err := sql.Open("pgx", database)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return err
	}
	const clerks = 4
	db.SetMaxOpenConns(clerks)
	var next, sold, refused atomic.Int64
	var work sync.WaitGroup
	failed := make(chan error, clerks)
	for range clerks {
		work.Add(1)
		go func() {
			defer work.Done()
			for n := next.Add(1); n <= int64(orders); n = next.Add(1) {
				customer := fmt.Sprintf("customer-%d", n%7)
				switch err := placeOrder(ctx, db, customer, items[n%int64(len(items))]); {
				case err == nil:
					sold.Add(1)
				case errors.Is(err, errSoldOut):
					refused.Add(1)
				default:
					failed <- err
					return
				}
			}
		}()
	}
	work.Wait()
	close(failed)
	fmt.Printf("%d orders placed, %d refused\n", sold.Load(), refused.Load())
	return <-failed
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: shop <database> <orders>")
	}
	orders, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if err := run(os.Args[1], orders); err != nil {
		log.Fatal(err)
	}
}
