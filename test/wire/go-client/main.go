// Command go-client does with client-go, the library of most Kubernetes programs, what those programs do. Each argument after the kubeconfig names a
// check; a failed check ends the program with its reason. Requests and answers are protobuf unless a check says otherwise.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const protobuf = "application/vnd.kubernetes.protobuf"

type check func(ctx context.Context, config *rest.Config, clients *kubernetes.Clientset) error

var checks = map[string]check{
	"kinds":        everyKind,
	"subresources": subresources,
	"informers":    informersStream,
	"apply":        applyConfigurations,
	"metadata":     metadataOnly,
	"dynamic":      dynamicClient,
	"discovery":    discovery,
	"pages":        pages,
	"leader":       leader,
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	if err != nil {
		fatal("kubeconfig", err)
	}
	config.ContentType = protobuf
	// No fallback to JSON: an answer in another encoding is an error.
	config.AcceptContentTypes = protobuf
	config.QPS, config.Burst = 1000, 1000
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		fatal("client", err)
	}
	for _, name := range os.Args[2:] {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		err := checks[name](ctx, config, clients)
		cancel()
		if err != nil {
			fatal(name, err)
		}
		fmt.Println("ok", name)
	}
}

func fatal(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}

// The same configuration, speaking JSON.
func inJSON(config *rest.Config) *rest.Config {
	other := rest.CopyConfig(config)
	other.ContentType, other.AcceptContentTypes = "application/json", "application/json"
	return other
}

// until asks again and again, until the answer is yes or the time is over.
func until(ctx context.Context, what string, holds func() bool) error {
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("never happened: %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}
