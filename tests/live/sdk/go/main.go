// Runs one scenario with the Go SDK, as published: main SCENARIO URL json|protobuf
//
// It asks the test for what it cannot do itself by a line like "? cut", and goes on when the test has
// answered with a line. The exit status says how it went.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"time"

	"github.com/centrifugal/centrifuge-go"
)

const patience = 10 * time.Second

var (
	url      = os.Args[2]
	protobuf = os.Args[3] == "protobuf"
	channel  = fmt.Sprintf("go-%s-%d", os.Args[1], time.Now().UnixNano())
	answers  = bufio.NewScanner(os.Stdin)
	clients  []*centrifuge.Client
)

func check(err error) {
	if err != nil {
		fail("unexpected: %v", err)
	}
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

func same(found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		fail("found %v, wanted %v", found, wanted)
	}
}

func ask(what string) string {
	fmt.Printf("? %s\n", what)
	answers.Scan()
	return answers.Text()
}

func say(value any) []byte {
	data, err := json.Marshal(value)
	check(err)
	return data
}

func hear(data []byte) any {
	var value any
	check(json.Unmarshal(data, &value))
	return value
}

// within is how long a call may take: as long as the SDK waits by itself.
func within() context.Context { return context.Background() }

// next waits for an event.
func next[T any](events <-chan T) T {
	select {
	case event := <-events:
		return event
	case <-time.After(patience):
		fail("nothing happened in %v", patience)
		panic("never")
	}
}

// someone is a client and what happens to it.
type someone struct {
	*centrifuge.Client
	connected    chan centrifuge.ConnectedEvent
	connecting   chan centrifuge.ConnectingEvent
	disconnected chan centrifuge.DisconnectedEvent
	subscribed   chan centrifuge.ServerSubscribedEvent
	publications chan centrifuge.ServerPublicationEvent
}

func newClient(config centrifuge.Config) *someone {
	config.MinReconnectDelay = 50 * time.Millisecond
	config.MaxReconnectDelay = 300 * time.Millisecond
	made := &someone{
		connected:    make(chan centrifuge.ConnectedEvent, 99),
		connecting:   make(chan centrifuge.ConnectingEvent, 99),
		disconnected: make(chan centrifuge.DisconnectedEvent, 99),
		subscribed:   make(chan centrifuge.ServerSubscribedEvent, 99),
		publications: make(chan centrifuge.ServerPublicationEvent, 99),
	}
	if protobuf {
		made.Client = centrifuge.NewProtobufClient(url, config)
	} else {
		made.Client = centrifuge.NewJsonClient(url, config)
	}
	made.OnConnected(func(event centrifuge.ConnectedEvent) { made.connected <- event })
	made.OnConnecting(func(event centrifuge.ConnectingEvent) { made.connecting <- event })
	made.OnDisconnected(func(event centrifuge.DisconnectedEvent) { made.disconnected <- event })
	made.OnSubscribed(func(event centrifuge.ServerSubscribedEvent) { made.subscribed <- event })
	made.OnPublication(func(event centrifuge.ServerPublicationEvent) { made.publications <- event })
	clients = append(clients, made.Client)
	return made
}

func client(user string, subs ...string) *someone {
	made := newClient(centrifuge.Config{Data: say(map[string]any{"user": user, "subs": append([]string{}, subs...)})})
	check(made.Connect())
	next(made.connected)
	next(made.connecting)
	return made
}

// place is a subscription and what happens to it.
type place struct {
	*centrifuge.Subscription
	subscribed   chan centrifuge.SubscribedEvent
	unsubscribed chan centrifuge.UnsubscribedEvent
	publications chan centrifuge.PublicationEvent
	joined       chan centrifuge.JoinEvent
	left         chan centrifuge.LeaveEvent
}

func subscribe(who *someone, name string, config centrifuge.SubscriptionConfig) *place {
	subscription, err := who.NewSubscription(name, config)
	check(err)
	made := &place{
		Subscription: subscription,
		subscribed:   make(chan centrifuge.SubscribedEvent, 99),
		unsubscribed: make(chan centrifuge.UnsubscribedEvent, 99),
		publications: make(chan centrifuge.PublicationEvent, 99),
		joined:       make(chan centrifuge.JoinEvent, 99),
		left:         make(chan centrifuge.LeaveEvent, 99),
	}
	made.OnSubscribed(func(event centrifuge.SubscribedEvent) { made.subscribed <- event })
	made.OnUnsubscribed(func(event centrifuge.UnsubscribedEvent) { made.unsubscribed <- event })
	made.OnPublication(func(event centrifuge.PublicationEvent) { made.publications <- event })
	made.OnJoin(func(event centrifuge.JoinEvent) { made.joined <- event })
	made.OnLeave(func(event centrifuge.LeaveEvent) { made.left <- event })
	check(made.Subscribe())
	return made
}

func rejected(err error, code uint32) {
	var answered *centrifuge.Error
	if !errors.As(err, &answered) || answered.Code != code {
		fail("found %v, wanted error %d", err, code)
	}
}

var scenarios = map[string]func(){
	"talk": func() {
		ann, ben := client("ann"), client("ben")
		room := subscribe(ann, "room:"+channel, centrifuge.SubscriptionConfig{JoinLeave: true})
		same(next(room.subscribed).Recoverable, true)
		same(next(room.joined).User, "ann")
		other := subscribe(ben, "room:"+channel, centrifuge.SubscriptionConfig{})
		next(other.subscribed)
		same(next(room.joined).User, "ben")
		_, err := room.Publish(within(), say(map[string]any{"text": "hello"}))
		check(err)
		heard := next(other.publications)
		same(hear(heard.Data), map[string]any{"text": "hello"})
		same([]any{heard.Info.User, heard.Offset}, []any{"ann", uint64(1)})
		page, err := room.History(within(), centrifuge.WithHistoryLimit(10))
		check(err)
		same(len(page.Publications), 1)
		here, err := room.Presence(within())
		check(err)
		same(len(here.Clients), 2)
		counts, err := room.PresenceStats(within())
		check(err)
		same([]int{counts.NumClients, counts.NumUsers}, []int{2, 2})
		check(other.Unsubscribe())
		same(next(room.left).User, "ben")
	},

	"rpc": func() {
		ann := client("ann")
		answer, err := ann.RPC(within(), "echo", say([]int{1, 2}))
		check(err)
		same(hear(answer.Data), []any{1.0, 2.0})
		_, err = ann.RPC(within(), "nothing", say(1))
		rejected(err, 104)
		_, err = ann.RPC(within(), "fail", say(map[string]any{"code": 404, "reason": "as asked"}))
		rejected(err, 404)
		_, err = ann.History(within(), "plain:x")
		rejected(err, 108)
		closed := subscribe(ann, "closed:x", centrifuge.SubscriptionConfig{})
		same(next(closed.unsubscribed).Code, uint32(103))
	},

	"recovery": func() {
		ann := client("ann")
		room := subscribe(ann, "room:"+channel, centrifuge.SubscriptionConfig{})
		next(room.subscribed)
		ask("cut")
		next(ann.connecting)
		ask(fmt.Sprintf("publish room:%s 3", channel))
		ask("mend")
		back := next(room.subscribed)
		same([]bool{back.WasRecovering, back.Recovered}, []bool{true, true})
		for number := 0; number < 3; number++ {
			heard := next(room.publications)
			same([]any{hear(heard.Data), heard.Offset}, []any{float64(number), uint64(number + 1)})
		}
	},

	"delta": func() {
		ann := client("ann")
		ticks := subscribe(ann, "ticks:"+channel, centrifuge.SubscriptionConfig{Delta: centrifuge.DeltaTypeFossil})
		next(ticks.subscribed)
		last := 0
		follow := func(upto int) {
			for ; last < upto; last++ {
				book := hear(next(ticks.publications).Data).(map[string]any)
				same(book["n"], float64(last+1))
				same(len(book["levels"].([]any)), 200)
			}
		}
		ask(fmt.Sprintf("quote ticks:%s 1 5", channel))
		follow(5)
		ask("cut")
		next(ann.connecting)
		ask(fmt.Sprintf("quote ticks:%s 6 9", channel))
		ask("mend")
		same(next(ticks.subscribed).Recovered, true)
		follow(9)
		ask(fmt.Sprintf("quote ticks:%s 10 12", channel))
		follow(12)
	},

	"server_side": func() {
		ann := client("ann", "room:"+channel)
		seen := map[string]bool{}
		for range 2 {
			seen[next(ann.subscribed).Channel] = true
		}
		same(seen, map[string]bool{"room:" + channel: true, "inbox:#ann": true})
		ask(fmt.Sprintf("publish room:%s 1", channel))
		heard := next(ann.publications)
		same([]any{heard.Channel, hear(heard.Data), heard.Offset}, []any{"room:" + channel, 0.0, uint64(1)})
	},

	"closing": func() {
		for _, code := range []uint32{3001, 4000} {
			ann := client("ann")
			_, _ = ann.RPC(within(), "disconnect", say(map[string]any{"code": code, "reason": "come back"}))
			same(next(ann.connecting).Code, code)
			next(ann.connected)
		}
		for _, code := range []uint32{3503, 4500} {
			ann := client("ann")
			_, _ = ann.RPC(within(), "disconnect", say(map[string]any{"code": code, "reason": "stay away"}))
			same(next(ann.disconnected).Code, code)
		}
	},

	"renewing": func() {
		fetched := 0
		ann := newClient(centrifuge.Config{GetToken: func(centrifuge.ConnectionTokenEvent) (string, error) {
			fetched++
			return ask("token 2"), nil
		}})
		check(ann.Connect())
		next(ann.connected)
		next(ann.connecting)
		for waited := 0; fetched < 3; waited++ {
			if waited > 100 {
				fail("it fetched %d tokens", fetched)
			}
			time.Sleep(100 * time.Millisecond)
		}
		same(len(ann.connecting)+len(ann.disconnected), 0)
	},

	"bad_tokens": func() {
		bad := newClient(centrifuge.Config{Token: "no token"})
		check(bad.Connect())
		same(next(bad.disconnected).Code, uint32(3500))
		late := newClient(centrifuge.Config{
			Token:    ask("token -5"),
			GetToken: func(centrifuge.ConnectionTokenEvent) (string, error) { return ask("token 60"), nil },
		})
		check(late.Connect())
		next(late.connected)
	},
}

func main() {
	scenarios[os.Args[1]]()
	for _, each := range clients {
		each.Close()
	}
}
