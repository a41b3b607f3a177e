// Package echo reads antiphon.mesh.v1.EchoService from the repository's descriptors: there is no generated Go.
package echo

import (
	"log"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const Service = "antiphon.mesh.v1.EchoService"

// Load finds the service's methods in a FileDescriptorSet.
func Load(path string) protoreflect.MethodDescriptors {
	bytes := Must(os.ReadFile(path))
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(bytes, set); err != nil {
		log.Fatal(err)
	}
	files := Must(protodesc.NewFiles(set))
	return Must(files.FindDescriptorByName(Service)).(protoreflect.ServiceDescriptor).Methods()
}

// Message makes one from protobuf's JSON.
func Message(desc protoreflect.MessageDescriptor, json string) *dynamicpb.Message {
	message := dynamicpb.NewMessage(desc)
	if err := protojson.Unmarshal([]byte(json), message); err != nil {
		log.Fatal(err)
	}
	return message
}

// Get reads a field by its name in the contract.
func Get(message *dynamicpb.Message, field protoreflect.Name) protoreflect.Value {
	return message.Get(message.Descriptor().Fields().ByName(field))
}

// Set writes a field by its name in the contract.
func Set(message *dynamicpb.Message, field protoreflect.Name, value any) {
	message.Set(message.Descriptor().Fields().ByName(field), protoreflect.ValueOf(value))
}

// Must ends the process where there is an error.
func Must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
