package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

var secrets = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}

// metadataOnly reads, watches, patches and deletes by metadata alone, in protobuf.
func metadataOnly(ctx context.Context, config *rest.Config, clients *kubernetes.Clientset) error {
	client, err := metadata.NewForConfig(metadata.ConfigFor(config))
	if err != nil {
		return err
	}
	some := client.Resource(secrets).Namespace("default")
	informer := metadatainformer.NewSharedInformerFactory(client, 0).ForResource(secrets).Informer()
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	go informer.RunWithContext(stop)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return fmt.Errorf("the cache was never filled")
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "meta"}, StringData: map[string]string{"a": "b"}}
	if _, err := clients.CoreV1().Secrets("default").Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return err
	}
	patch := []byte(`{"metadata":{"labels":{"by":"metadata"}}}`)
	patched, err := some.Patch(ctx, "meta", types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil || patched.Labels["by"] != "metadata" {
		return fmt.Errorf("patch: %v %w", patched, err)
	}
	list, err := some.List(ctx, metav1.ListOptions{LabelSelector: "by=metadata"})
	if err != nil || len(list.Items) != 1 || list.Items[0].UID != patched.UID {
		return fmt.Errorf("list: %v %w", list, err)
	}
	if err := until(ctx, "the secret in the cache", func() bool {
		item, found, _ := informer.GetStore().GetByKey("default/meta")
		return found && item.(*metav1.PartialObjectMetadata).Labels["by"] == "metadata"
	}); err != nil {
		return err
	}
	return some.Delete(ctx, "meta", metav1.DeleteOptions{})
}

// encodings remembers the content type of the last answer.
type encodings struct {
	http.RoundTripper
	used *string
}

func (e encodings) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := e.RoundTripper.RoundTrip(request)
	if err == nil {
		*e.used = response.Header.Get("Content-Type")
	}
	return response, err
}

// dynamicClient handles objects without types, in CBOR where the environment asks client-go for it, else in JSON.
func dynamicClient(ctx context.Context, config *rest.Config, _ *kubernetes.Clientset) error {
	config = dynamic.ConfigFor(config)
	used := ""
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return encodings{inner, &used} })
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	services := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace("default")
	events, err := services.Watch(ctx, metav1.ListOptions{LabelSelector: "by=dynamic"})
	if err != nil {
		return err
	}
	defer events.Stop()
	service := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": "dynamic", "labels": map[string]any{"by": "dynamic"}},
		"spec":     map[string]any{"ports": []any{map[string]any{"port": int64(80)}}},
	}}
	made, err := services.Apply(ctx, "dynamic", service, metav1.ApplyOptions{FieldManager: "go"})
	if err != nil {
		return err
	}
	ports, _, err := unstructured.NestedSlice(made.Object, "spec", "ports")
	if err != nil || len(ports) != 1 || ports[0].(map[string]any)["port"] != int64(80) {
		return fmt.Errorf("ports: %#v %w", ports, err)
	}
	wanted := "application/json"
	if os.Getenv("KUBE_FEATURE_ClientsPreferCBOR") == "true" {
		wanted = "application/cbor"
	}
	if used != wanted {
		return fmt.Errorf("an answer in %s", used)
	}
	if err := unstructured.SetNestedField(made.Object, "ClientIP", "spec", "sessionAffinity"); err != nil {
		return err
	}
	if made, err = services.Update(ctx, made, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := services.Delete(ctx, "dynamic", metav1.DeleteOptions{}); err != nil {
		return err
	}
	for _, wanted := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted} {
		event := <-events.ResultChan()
		if event.Type != wanted {
			return fmt.Errorf("%s instead of %s: %v", event.Type, wanted, event.Object)
		}
	}
	return nil
}
