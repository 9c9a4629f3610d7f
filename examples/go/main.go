// Shows the best bid, the best ask and the mid of every instrument as they change, and proves from the records alone
// that nothing is missing, doubled or out of order.
//
//	go run . -brokers localhost:19092 -seconds 10
//
// Exit status: 0 with the order proven, 1 at the first record that breaks it (or is missing, or cannot be read),
// 2 for a mistake of usage. Prices stay decimal text; the mid is exact (big.Rat).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"
)

const (
	connect   = 10 * time.Second       // a broker must have answered by then
	poll      = time.Second            // silence is looked for at least so often
	fetchWait = 100 * time.Millisecond // the sandbox's broker answers when this is over, others as soon as they can
)

func main() {
	brokers := flag.String("brokers", "localhost:19092", "host:port, several with commas")
	topic := flag.String("topic", "market.books.v1", "where the books are")
	count := flag.Int("count", 0, "end after so many records; 0: no such end")
	seconds := flag.Float64("seconds", 0, "end after so many seconds; 0: no such end")
	flag.Parse()
	if flag.NArg() > 0 || *count < 0 || *seconds < 0 {
		flag.Usage()
		os.Exit(2)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if *seconds > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*seconds*float64(time.Second)))
		defer cancel()
	}
	proof := NewProof()
	err := read(ctx, *brokers, *topic, *count, proof)
	fmt.Fprintf(os.Stderr, "%d records of %d instruments, %d of other producers left out\n",
		proof.Records, proof.Instruments(), proof.LeftOut)
	if err != nil {
		fmt.Fprintln(os.Stderr, "not proven:", err)
		os.Exit(1)
	}
	if proof.Records == 0 {
		fmt.Fprintln(os.Stderr, "not proven: nothing was published meanwhile")
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "order proven")
}

// read shows what is published from now on, until the context ends or count records were read.
func read(ctx context.Context, brokers, topic string, count int, proof *Proof) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(brokers, ",")...),
		kgo.ConsumeTopics(topic),
		// the end of every partition that there is, the start of those that are added later
		kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(time.Now().UnixMilli())),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.MaxVersions(kversion.V2_3_0()), // every broker since then speaks these, and the sandbox's no newer ones
		kgo.FetchMaxWait(fetchWait),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := ping(ctx, client); err != nil {
		return fmt.Errorf("no Kafka broker answers at %s: %w", brokers, err)
	}

	shown := map[string]string{}
	for ctx.Err() == nil && (count == 0 || proof.Records < count) {
		fetches := pollOnce(ctx, client)
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) && !errors.Is(failed.Err, context.Canceled) {
				return fmt.Errorf("partition %d of %s: %w", failed.Partition, failed.Topic, failed.Err)
			}
		}
		now := time.Now()
		for _, record := range fetches.Records() {
			if count > 0 && proof.Records >= count {
				break
			}
			book, err := decodeBook(record.Key, record.Value)
			if err != nil {
				return fmt.Errorf("offset %d of partition %d: %w", record.Offset, record.Partition, err)
			}
			isFollowed, err := proof.Take(book, record.Partition, publishedAt(record), now)
			if err != nil {
				return fmt.Errorf("offset %d of partition %d: %w", record.Offset, record.Partition, err)
			}
			if isFollowed {
				show(shown, book.Key(), book.String())
			}
		}
		for _, key := range proof.Silent(now) {
			show(shown, key, key+" stale (silence)")
		}
	}
	return nil
}

// publishedAt is when the producer published a record by its own clock, as its header says; Kafka's timestamp is the
// broker's. A run's name is of the producer's clock too.
func publishedAt(record *kgo.Record) time.Time {
	for _, header := range record.Headers {
		if header.Key == "published_at" {
			if microseconds, err := strconv.ParseInt(string(header.Value), 10, 64); err == nil {
				return time.UnixMicro(microseconds)
			}
		}
	}
	return record.Timestamp
}

func ping(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, connect)
	defer cancel()
	return client.Ping(ctx)
}

func pollOnce(ctx context.Context, client *kgo.Client) kgo.Fetches {
	ctx, cancel := context.WithTimeout(ctx, poll)
	defer cancel()
	return client.PollFetches(ctx)
}

// show prints a line if it is news of its instrument.
func show(shown map[string]string, key, line string) {
	if shown[key] != line {
		shown[key] = line
		fmt.Println(line)
	}
}
