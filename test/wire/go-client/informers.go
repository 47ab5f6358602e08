package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

func newReader(input io.Reader) *bufio.Reader { return bufio.NewReader(input) }

// counted counts requests that match, on their way out.
type counted struct {
	http.RoundTripper
	lists, streams *atomic.Int32
}

func (c counted) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	switch {
	case query.Get("sendInitialEvents") == "true":
		c.streams.Add(1)
	case request.Method == http.MethodGet && query.Get("watch") == "":
		c.lists.Add(1)
	}
	return c.RoundTripper.RoundTrip(request)
}

// informersStream keeps four caches by streaming lists (WatchListClient): no LIST is sent, and every change arrives.
func informersStream(ctx context.Context, config *rest.Config, clients *kubernetes.Clientset) error {
	var lists, streams atomic.Int32
	config = rest.CopyConfig(config)
	config.Wrap(func(inner http.RoundTripper) http.RoundTripper { return counted{inner, &lists, &streams} })
	watching, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	maps := clients.CoreV1().ConfigMaps("default")
	settings := func(name string, color string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"color": color}}}
	}
	for _, one := range []*corev1.ConfigMap{settings("before-1", "red"), settings("before-2", "blue")} {
		if _, err := maps.Create(ctx, one, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	factory := informers.NewSharedInformerFactoryWithOptions(watching, 0,
		informers.WithTweakListOptions(func(options *metav1.ListOptions) { options.LabelSelector = "color=red" }))
	all := informers.NewSharedInformerFactory(watching, 0)
	red := factory.Core().V1().ConfigMaps()
	var mutex sync.Mutex
	var seen []string
	note := func(what string, object any) {
		if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
			object = tombstone.Obj
		}
		mutex.Lock()
		defer mutex.Unlock()
		seen = append(seen, what+" "+object.(*corev1.ConfigMap).Name)
	}
	if _, err := red.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { note("add", object) },
		UpdateFunc: func(_, object any) { note("update", object) },
		DeleteFunc: func(object any) { note("delete", object) },
	}); err != nil {
		return err
	}
	nodes, services, slices := all.Core().V1().Nodes(), all.Core().V1().Services(), all.Discovery().V1().EndpointSlices()
	synced := []cache.InformerSynced{
		red.Informer().HasSynced, nodes.Informer().HasSynced, services.Informer().HasSynced, slices.Informer().HasSynced,
	}
	watch, stop := context.WithCancel(ctx)
	defer stop()
	factory.Start(watch.Done())
	all.Start(watch.Done())
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return fmt.Errorf("the caches were never filled")
	}
	if lists.Load() != 0 || streams.Load() != 4 {
		return fmt.Errorf("%d lists, %d streaming lists", lists.Load(), streams.Load())
	}
	if service, err := services.Lister().Services("default").Get("kubernetes"); err != nil || service.Spec.ClusterIP != "10.96.0.1" {
		return fmt.Errorf("the service kubernetes: %v %w", service, err)
	}
	turned, err := maps.Update(ctx, settings("before-2", "red"), metav1.UpdateOptions{})
	if err != nil {
		return err
	}
	turned.Data = map[string]string{"a": "b"}
	if turned, err = maps.Update(ctx, turned, metav1.UpdateOptions{}); err != nil {
		return err
	}
	// It leaves the selector: a deletion for who watches by it.
	turned.Labels["color"] = "blue"
	if _, err = maps.Update(ctx, turned, metav1.UpdateOptions{}); err != nil {
		return err
	}
	if err := maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "color in (red,blue)"}); err != nil {
		return err
	}
	const wanted = "add before-1,add before-2,update before-2,delete before-2,delete before-1"
	text := func() string {
		mutex.Lock()
		defer mutex.Unlock()
		return strings.Join(seen, ",")
	}
	if err := until(ctx, wanted, func() bool { return text() == wanted }); err != nil {
		return fmt.Errorf("%w; seen: %s", err, text())
	}
	left, err := red.Lister().List(labels.Everything())
	if err != nil || len(left) != 0 {
		return fmt.Errorf("left in the cache: %v %w", left, err)
	}
	return nil
}
