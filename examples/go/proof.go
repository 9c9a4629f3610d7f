package main

import (
	"fmt"
	"strings"
	"time"
)

// silentAfter is three heartbeats (book.heartbeat_seconds, 5 by default): a run that has not spoken for so long is
// taken for dead, and what it said last for stale.
const silentAfter = 15 * time.Second

// runsKept bounds the memory per instrument; the run silent for longest is forgotten first.
const runsKept = 64

// run is one producer's run of one instrument.
type run struct {
	next      int64 // the publish_seq that must come
	epoch     int64
	partition int32
	heard     time.Time
	hasEnded  bool // it has said shutdown
}

func (r *run) speaks(now time.Time) bool { return !r.hasEnded && now.Sub(r.heard) < silentAfter }

// instrument is what was heard of one key.
type instrument struct {
	since    time.Time // when its first record that was read was published
	followed string    // the run that is shown
	isStale  bool
	runs     map[string]*run
}

// Proof checks that nothing is missing, doubled or out of order, and chooses whom to follow.
type Proof struct {
	instruments map[string]*instrument
	Records     int
	LeftOut     int // records of runs that were not followed
}

// NewProof begins with nothing seen.
func NewProof() *Proof { return &Proof{instruments: map[string]*instrument{}} }

// Instruments counts the keys seen.
func (p *Proof) Instruments() int { return len(p.instruments) }

// Take checks the next record of a partition. It tells whether the record is of the run to follow; an error says that
// the order does not hold. now is this program's clock, published when the record was,
// by its producer's clock.
//
//  1. Per key and run, publish_seq counts 0, 1, 2, … without holes, in one partition, and the epoch never falls.
//  2. A run that began, by its name, after the first record of its key that was read must be seen from 0 on.
//  3. Of the runs that speak (no shutdown, heard of within three heartbeats) the greatest is followed; where none
//     speaks, the last word of the one followed stands until a greater one has said something.
func (p *Proof) Take(book Book, partition int32, published, now time.Time) (bool, error) {
	p.Records++
	key := p.instruments[book.Key()]
	if key == nil {
		key = &instrument{since: published, runs: map[string]*run{}}
		p.instruments[book.Key()] = key
	}
	speaker := key.runs[book.Run]
	if speaker == nil {
		speaker = &run{next: book.PublishSeq, partition: partition}
		if startedAt(book.Run).After(key.since) {
			speaker.next = 0
		}
		key.runs[book.Run] = speaker
		key.forget(book.Run)
	}
	if book.PublishSeq != speaker.next || book.Epoch < speaker.epoch || partition != speaker.partition {
		return false, fmt.Errorf("order broken: %s, run %s: expected publish_seq %d, epoch %d or more, in partition %d; "+
			"received publish_seq %d, epoch %d, in partition %d", book.Key(), book.Run,
			speaker.next, speaker.epoch, speaker.partition, book.PublishSeq, book.Epoch, partition)
	}
	speaker.next, speaker.epoch, speaker.heard = book.PublishSeq+1, book.Epoch, now
	speaker.hasEnded = book.Reason != nil && *book.Reason == "shutdown"

	greatest := key.greatest(now)
	if greatest == book.Run || (greatest == "" && book.Run > key.followed) {
		key.followed = book.Run
	}
	if key.followed != book.Run {
		p.LeftOut++
		return false, nil
	}
	key.isStale = false
	return true, nil
}

// Silent names the instruments whose followed run has just been silent for too long: their books are stale.
func (p *Proof) Silent(now time.Time) []string {
	var silent []string
	for name, key := range p.instruments {
		followed := key.runs[key.followed]
		if !key.isStale && !followed.hasEnded && !followed.speaks(now) {
			key.isStale = true
			silent = append(silent, name)
		}
	}
	return silent
}

// greatest names the greatest run that speaks; empty where none does.
func (i *instrument) greatest(now time.Time) string {
	found := ""
	for name, r := range i.runs {
		if r.speaks(now) && name > found {
			found = name
		}
	}
	return found
}

// forget makes room for a new run.
func (i *instrument) forget(newest string) {
	if len(i.runs) <= runsKept {
		return
	}
	oldest := ""
	for name, r := range i.runs {
		if name != newest && name != i.followed && (oldest == "" || r.heard.Before(i.runs[oldest].heard)) {
			oldest = name
		}
	}
	delete(i.runs, oldest)
}

// startedAt reads when a run began from its name, such as 20261123T033710.007299Z-14c4c222; the zero time where the
// name does not say.
func startedAt(run string) time.Time {
	text, _, _ := strings.Cut(run, "-")
	started, err := time.Parse("20060102T150405.000000Z", text)
	if err != nil {
		return time.Time{}
	}
	return started
}
