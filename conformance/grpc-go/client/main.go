// Calls EchoService as stock grpc-go does. Takes the descriptors' path and a port; prints a line for each check, and
// "in flight" when the server may begin to drain.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"antiphon/conformance/grpc-go/echo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

type client struct {
	methods protoreflect.MethodDescriptors
	conn    *grpc.ClientConn
}

func main() {
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16 << 20))}
	c := client{echo.Load(os.Args[1]), echo.Must(grpc.NewClient("127.0.0.1:"+os.Args[2], options...))}
	for _, check := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"unary with binary metadata", c.unary}, {"details of an error", c.details}, {"server stream", c.serverStream},
		{"client stream", c.clientStream}, {"bidirectional stream", c.both}, {"3 MB both ways", c.large}, {"5 MB are refused", c.tooLarge},
		{"gzip", c.gzip}, {"deadline", c.deadline}, {"cancel", c.cancel}, {"graceful stop", c.gracefulStop},
	} {
		ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
		if err := check.run(ctx); err != nil {
			fmt.Println("failed:", check.name, err)
		} else {
			fmt.Println("ok:", check.name)
		}
		done()
	}
}

func (c client) echo(ctx context.Context, method, request string, options ...grpc.CallOption) (string, error) {
	desc := c.methods.ByName(protoreflect.Name(method))
	answer := dynamicpb.NewMessage(desc.Output())
	err := c.conn.Invoke(ctx, path.Join("/", echo.Service, method), echo.Message(desc.Input(), request), answer, options...)
	return echo.Get(answer, "text").String(), err
}

// stream sends all requests and returns the answers.
func (c client) stream(ctx context.Context, method string, requests ...string) ([]*dynamicpb.Message, error) {
	desc := c.methods.ByName(protoreflect.Name(method))
	kind := &grpc.StreamDesc{ServerStreams: desc.IsStreamingServer(), ClientStreams: desc.IsStreamingClient()}
	stream, err := c.conn.NewStream(ctx, kind, path.Join("/", echo.Service, method))
	if err != nil {
		return nil, err
	}
	for _, request := range requests {
		if err := stream.SendMsg(echo.Message(desc.Input(), request)); err != nil {
			break // The answer says why.
		}
	}
	stream.CloseSend()
	var answers []*dynamicpb.Message
	for {
		answer := dynamicpb.NewMessage(desc.Output())
		if err := stream.RecvMsg(answer); err == io.EOF {
			return answers, nil
		} else if err != nil {
			return answers, err
		}
		answers = append(answers, answer)
		if !kind.ServerStreams {
			return answers, nil
		}
	}
}

func (c client) unary(ctx context.Context) error {
	sent := metadata.AppendToOutgoingContext(ctx, "x-bytes-bin", "\x00\xffany")
	var header, trailer metadata.MD
	text, err := c.echo(sent, "Echo", `{"text": "amen"}`, grpc.Header(&header), grpc.Trailer(&trailer))
	got := fmt.Sprintf("%s %q %q", text, header.Get("x-bytes-bin"), trailer.Get("x-bytes-bin"))
	return expect(got, err, `amen ["\x00\xffany"] ["\x00\xffany"]`)
}

func (c client) details(ctx context.Context) error {
	_, err := c.echo(ctx, "Echo", `{"fail_code": 9}`)
	failed := status.Convert(err)
	got := fmt.Sprintf("%s, %s, %d detail", failed.Code(), failed.Message(), len(failed.Proto().GetDetails()))
	return expect(got, nil, "FailedPrecondition, 100 % Bjørk, 1 detail")
}

func (c client) serverStream(ctx context.Context) error {
	answers, err := c.stream(ctx, "EchoStream", `{"count": 50, "message_bytes": 100000}`)
	if err == nil && len(answers) == 50 {
		_, err = c.stream(ctx, "EchoStream", `{"count": 5, "fail_after": 3, "fail_code": 5}`)
	}
	return expect(fmt.Sprint(len(answers), status.Code(err)), nil, "50 NotFound")
}

func (c client) clientStream(ctx context.Context) error {
	answers, err := c.stream(ctx, "EchoCollect", `{"text": "a"}`, `{"text": "b"}`)
	if err != nil {
		return err
	}
	texts := echo.Get(answers[0], "texts").List()
	return expect(texts.Get(0).String()+texts.Get(1).String(), nil, "ab")
}

func (c client) both(ctx context.Context) error {
	answers, err := c.stream(ctx, "EchoBoth", `{"text": "call"}`, `{"text": "response"}`)
	if err != nil || len(answers) != 2 {
		return fmt.Errorf("expected 2 answers, got %d: %w", len(answers), err)
	}
	return expect(echo.Get(answers[1], "text").String(), nil, "response")
}

func (c client) large(ctx context.Context) error {
	text, err := c.echo(ctx, "Echo", `{"text": "`+strings.Repeat("x", 3_000_000)+`"}`)
	return expect(fmt.Sprint(len(text)), err, "3000000")
}

func (c client) tooLarge(ctx context.Context) error {
	_, err := c.echo(ctx, "Echo", `{"text": "`+strings.Repeat("x", 5_000_000)+`"}`)
	return expect(status.Code(err).String(), nil, codes.ResourceExhausted.String())
}

func (c client) gzip(ctx context.Context) error {
	text, err := c.echo(ctx, "Echo", `{"text": "`+strings.Repeat("x", 100_000)+`"}`, grpc.UseCompressor("gzip"))
	return expect(fmt.Sprint(len(text)), err, "100000")
}

func (c client) deadline(ctx context.Context) error {
	short, done := context.WithTimeout(ctx, 100*time.Millisecond)
	defer done()
	_, err := c.echo(short, "Echo", `{"delay_ms": 20000}`)
	return expect(status.Code(err).String(), nil, codes.DeadlineExceeded.String())
}

func (c client) cancel(ctx context.Context) error {
	given, giveUp := context.WithCancel(ctx)
	time.AfterFunc(100*time.Millisecond, giveUp)
	_, err := c.echo(given, "EchoOnce", `{"delay_ms": 20000}`)
	return expect(status.Code(err).String(), nil, codes.Canceled.String())
}

// gracefulStop has a call answered by a server that goes, and no call taken by one that is gone.
func (c client) gracefulStop(ctx context.Context) error {
	time.AfterFunc(100*time.Millisecond, func() { fmt.Println("in flight") })
	text, err := c.echo(ctx, "EchoOnce", `{"text": "in time", "delay_ms": 1000}`)
	if err == nil {
		_, err = c.echo(ctx, "EchoOnce", `{}`)
	}
	return expect(text+" "+status.Code(err).String(), nil, "in time Unavailable")
}

func expect(got string, err error, want string) error {
	if err != nil || got == want {
		return err
	}
	return errors.New("expected " + want + ", got " + got)
}
