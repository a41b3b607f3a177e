// EchoService on grpc-go. Takes the descriptors' path, prints its port, and stops gracefully at SIGTERM.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path"
	"syscall"
	"time"

	"antiphon/conformance/grpc-go/echo"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

func main() {
	methods := echo.Load(os.Args[1])
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(16<<20), grpc.MaxConcurrentStreams(100),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			name, _ := grpc.MethodFromServerStream(stream)
			return handle(methods.ByName(protoreflect.Name(path.Base(name))), stream)
		}))
	listener := echo.Must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() { <-stop; server.GracefulStop() }()
	echo.Must(0, server.Serve(listener))
}

func handle(method protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	sent, _ := metadata.FromIncomingContext(stream.Context())
	bytes := metadata.Pairs("x-bytes-bin", append(sent.Get("x-bytes-bin"), "")[0])
	stream.SetHeader(bytes)
	stream.SetTrailer(bytes)
	answer := dynamicpb.NewMessage(method.Output())
	for {
		request := dynamicpb.NewMessage(method.Input())
		if err := stream.RecvMsg(request); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		switch method.Name() {
		case "EchoStream":
			for index := range uint32(echo.Get(request, "count").Uint()) {
				echo.Set(answer, "index", index)
				echo.Set(answer, "payload", make([]byte, echo.Get(request, "message_bytes").Uint()))
				if err := stream.SendMsg(answer); err != nil {
					fmt.Println("stream ended:", status.Code(err))
					return err
				}
			}
			return nil
		case "EchoCollect":
			answer.Mutable(answer.Descriptor().Fields().ByName("texts")).List().Append(echo.Get(request, "text"))
		case "EchoBoth":
			answer.Set(answer.Descriptor().Fields().ByName("text"), echo.Get(request, "text"))
			if err := stream.SendMsg(answer); err != nil {
				return err
			}
		default:
			return answerOnce(request, answer, stream)
		}
	}
	if method.Name() == "EchoBoth" {
		return nil
	}
	return stream.SendMsg(answer)
}

func answerOnce(request, answer *dynamicpb.Message, stream grpc.ServerStream) error {
	select {
	case <-time.After(time.Duration(echo.Get(request, "delay_ms").Uint()) * time.Millisecond):
	case <-stream.Context().Done():
		fmt.Println("call ended:", status.FromContextError(stream.Context().Err()).Code())
		return stream.Context().Err()
	}
	if code := codes.Code(echo.Get(request, "fail_code").Uint()); code != codes.OK {
		failed := status.New(code, "failed as asked: 100 % Bjørk")
		return echo.Must(failed.WithDetails(protoadapt.MessageV1Of(request))).Err()
	}
	answer.Set(answer.Descriptor().Fields().ByName("text"), echo.Get(request, "text"))
	return stream.SendMsg(answer)
}
