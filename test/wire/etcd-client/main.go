// What etcd's own Go client and its concurrency recipes need of a server: transactions that are atomic under contention, locks,
// sessions, elections, leases that end, many watches on one stream, snapshots. It fails loudly at the first thing that is wrong.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

var endpoint = os.Args[1]

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func want(what string, got, wanted any) {
	if got != wanted {
		panic(fmt.Sprintf("%s: %v instead of %v", what, got, wanted))
	}
}

func main() {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: 5 * time.Second})
	check(err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for _, each := range []struct {
		name string
		run  func(context.Context, *clientv3.Client)
	}{
		{"transfers", transfers}, {"locks", locks}, {"leases", leases}, {"watches", watches}, {"election", election}, {"maintenance", maintenance},
	} {
		each.run(ctx, client)
		fmt.Println("ok", each.name)
	}
}

// Transactions in software: whatever meets, nothing is lost or made.
func transfers(ctx context.Context, client *clientv3.Client) {
	const accounts, workers, each = 5, 8, 25
	for i := range accounts {
		_, err := client.Put(ctx, fmt.Sprintf("account/%d", i), "xxxxxxxx")
		check(err)
	}
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range each {
				from, to := fmt.Sprintf("account/%d", (worker+i)%accounts), fmt.Sprintf("account/%d", (worker*3+i*2+1)%accounts)
				_, err := concurrency.NewSTM(client, func(stm concurrency.STM) error {
					if balance := stm.Get(from); from != to && balance != "" {
						stm.Put(to, stm.Get(to)+"x")
						stm.Put(from, balance[1:])
					}
					return nil
				})
				check(err)
			}
		})
	}
	group.Wait()
	found, err := client.Get(ctx, "account/", clientv3.WithPrefix())
	check(err)
	sum := 0
	for _, kv := range found.Kvs {
		sum += len(kv.Value)
	}
	want("the sum of all accounts", sum, accounts*8)
}

func locks(ctx context.Context, client *clientv3.Client) {
	held := 0 // Guarded by the lock alone.
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			session, err := concurrency.NewSession(client, concurrency.WithTTL(10))
			check(err)
			defer session.Close()
			mutex := concurrency.NewMutex(session, "/lock/")
			for range 5 {
				check(mutex.Lock(ctx))
				held++
				check(mutex.Unlock(ctx))
			}
		})
	}
	group.Wait()
	want("locked", held, 40)
}

func leases(ctx context.Context, client *clientv3.Client) {
	lease, err := client.Grant(ctx, 2)
	check(err)
	alive, stop := context.WithCancel(ctx)
	answers, err := client.KeepAlive(alive, lease.ID)
	check(err)
	go func() {
		for range answers {
		}
	}()
	_, err = client.Put(ctx, "leased", "x", clientv3.WithLease(lease.ID))
	check(err)
	time.Sleep(3 * time.Second)
	found, err := client.Get(ctx, "leased")
	check(err)
	want("a lease that is kept alive", len(found.Kvs), 1)
	watch := client.Watch(ctx, "leased")
	stop()
	want("a lease that is not", (<-watch).Events[0].Type, clientv3.EventTypeDelete)
}

func watches(ctx context.Context, client *clientv3.Client) {
	const count, rounds = 20, 50
	var group, ready sync.WaitGroup
	ready.Add(count)
	for i := range count {
		group.Go(func() {
			seen := 0
			for answer := range client.Watch(ctx, fmt.Sprintf("watched/%02d/", i), clientv3.WithPrefix(), clientv3.WithPrevKV(), clientv3.WithCreatedNotify()) {
				check(answer.Err())
				if answer.Created {
					ready.Done()
					continue
				}
				for _, event := range answer.Events {
					want("the value", string(event.Kv.Value), fmt.Sprint(seen))
					want("a value before", event.PrevKv != nil, seen >= 7)
					seen++
				}
				if seen == rounds {
					return
				}
			}
		})
	}
	ready.Wait()
	for round := range rounds {
		puts := []clientv3.Op{}
		for i := range count {
			puts = append(puts, clientv3.OpPut(fmt.Sprintf("watched/%02d/%d", i, round%7), fmt.Sprint(round)))
		}
		_, err := client.Txn(ctx).Then(puts...).Commit()
		check(err)
	}
	group.Wait()
	check(client.RequestProgress(ctx))
}

func election(ctx context.Context, client *clientv3.Client) {
	session, err := concurrency.NewSession(client)
	check(err)
	defer session.Close()
	campaign := concurrency.NewElection(session, "/elected")
	check(campaign.Campaign(ctx, "me"))
	leader, err := campaign.Leader(ctx)
	check(err)
	want("the leader", string(leader.Kvs[0].Value), "me")
	check(campaign.Resign(ctx))
}

func maintenance(ctx context.Context, client *clientv3.Client) {
	status, err := client.Status(ctx, endpoint)
	check(err)
	_, err = client.HashKV(ctx, endpoint, 0)
	check(err)
	_, err = client.Compact(ctx, status.Header.Revision, clientv3.WithCompactPhysical())
	check(err)
	_, err = client.Defragment(ctx, endpoint)
	check(err)
	reader, err := client.Snapshot(ctx)
	check(err)
	snapshot, err := io.ReadAll(reader)
	check(err)
	want("pages and a sum", len(snapshot)%4096, 32)
	gone, err := client.Delete(ctx, "", clientv3.WithPrefix())
	check(err)
	want("everything deleted", gone.Deleted > 100, true)
}
