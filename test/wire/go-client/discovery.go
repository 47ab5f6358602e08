package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/pager"
)

// discovery reads groups, resources and schemas in all forms that the library knows.
func discovery(_ context.Context, _ *rest.Config, clients *kubernetes.Clientset) error {
	client := clients.Discovery()
	server, err := client.ServerVersion()
	if err != nil || server.Minor != "37" {
		return fmt.Errorf("version: %v %w", server, err)
	}
	groups, lists, err := client.ServerGroupsAndResources()
	if err != nil || len(groups) != 22 || len(lists) != 23 {
		return fmt.Errorf("%d groups, %d versions: %w", len(groups), len(lists), err)
	}
	preferred, err := client.ServerPreferredNamespacedResources()
	if err != nil || len(preferred) == 0 {
		return fmt.Errorf("preferred resources: %w", err)
	}
	document, err := client.OpenAPISchema()
	if err != nil || len(document.Definitions.AdditionalProperties) < 500 {
		return fmt.Errorf("OpenAPI v2: %w", err)
	}
	paths, err := client.OpenAPIV3().Paths()
	if err != nil || len(paths) < 23 {
		return fmt.Errorf("OpenAPI v3: %d paths, %w", len(paths), err)
	}
	schema, err := paths["apis/apps/v1"].Schema("application/com.github.proto-openapi.spec.v3@v1.0+protobuf")
	if err != nil || len(schema) < 100_000 {
		return fmt.Errorf("OpenAPI v3 of apps: %d bytes, %w", len(schema), err)
	}
	return nil
}

// pages reads a long list in pieces, and goes on when the token is worthless.
func pages(ctx context.Context, _ *rest.Config, clients *kubernetes.Clientset) error {
	maps := clients.CoreV1().ConfigMaps("default")
	const count = 25
	for i := range count {
		one := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "page-", Labels: map[string]string{"page": fmt.Sprint(i % 2)}}}
		if _, err := maps.Create(ctx, one, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	seen := 0
	reader := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		return maps.List(ctx, options)
	})
	reader.PageSize = 4
	err := reader.EachListItem(ctx, metav1.ListOptions{LabelSelector: "page"}, func(runtime.Object) error { seen++; return nil })
	if err != nil || seen != count {
		return fmt.Errorf("%d of %d: %w", seen, count, err)
	}
	first, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "page", Limit: 10})
	if err != nil || first.Continue == "" || len(first.Items) != 10 {
		return fmt.Errorf("a page: %d, %w", len(first.Items), err)
	}
	if _, err := maps.List(ctx, metav1.ListOptions{Limit: 10, Continue: "nonsense"}); !apierrors.IsBadRequest(err) {
		return fmt.Errorf("a worthless token: %v", err)
	}
	return maps.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "page"})
}

// leader holds a lease, as every controller does.
func leader(ctx context.Context, _ *rest.Config, clients *kubernetes.Clientset) error {
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, "default", "leader", clients.CoreV1(), clients.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: "one"})
	if err != nil {
		return err
	}
	led := make(chan struct{})
	run, stop := context.WithCancel(ctx)
	defer stop()
	go leaderelection.RunOrDie(run, leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: 2 * time.Second, RenewDeadline: time.Second, RetryPeriod: 200 * time.Millisecond,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(led) },
			OnStoppedLeading: func() {},
		},
	})
	select {
	case <-led:
	case <-ctx.Done():
		return fmt.Errorf("never led")
	}
	lease, err := clients.CoordinationV1().Leases("default").Get(ctx, "leader", metav1.GetOptions{})
	if err != nil || *lease.Spec.HolderIdentity != "one" {
		return fmt.Errorf("the lease: %v %w", lease, err)
	}
	return nil
}
