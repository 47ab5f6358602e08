package main

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
)

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{
		Name:           "main",
		Image:          "example.com/go:1",
		ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("web")}}},
		Ports:          []corev1.ContainerPort{{Name: "web", ContainerPort: 80}},
		Resources:      corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("100m")}},
	}}}
}

func deployment(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()},
		},
	}
}

// subresources writes what has a path under an object: status, scale, eviction, binding, tokens; and the reviews that are never stored.
func subresources(ctx context.Context, _ *rest.Config, clients *kubernetes.Clientset) error {
	deployments, pods := clients.AppsV1().Deployments("default"), clients.CoreV1().Pods("default")
	made, err := deployments.Create(ctx, deployment("scaled"), metav1.CreateOptions{})
	if err != nil {
		return err
	}
	if *made.Spec.Replicas != 1 || made.Spec.Strategy.RollingUpdate.MaxSurge.StrVal != "25%" {
		return fmt.Errorf("no defaults: %v", made.Spec)
	}
	scale, err := deployments.GetScale(ctx, "scaled", metav1.GetOptions{})
	if err != nil {
		return err
	}
	scale.Spec.Replicas = 4
	if scale, err = deployments.UpdateScale(ctx, "scaled", scale, metav1.UpdateOptions{}); err != nil || scale.Spec.Replicas != 4 {
		return fmt.Errorf("scale: %v %w", scale, err)
	}
	if err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		now, err := deployments.Get(ctx, "scaled", metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.Status.ObservedGeneration = now.Generation
		_, err = deployments.UpdateStatus(ctx, now, metav1.UpdateOptions{})
		return err
	}); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if _, err := pods.Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "sub"}, Spec: podSpec()}, metav1.CreateOptions{}); err != nil {
		return err
	}
	pod, err := pods.Get(ctx, "sub", metav1.GetOptions{})
	if err != nil {
		return err
	}
	pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
		EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "tools", Image: "example.com/tools:1"},
	}}
	if pod, err = pods.UpdateEphemeralContainers(ctx, "sub", pod, metav1.UpdateOptions{}); err != nil || len(pod.Spec.EphemeralContainers) != 1 {
		return fmt.Errorf("ephemeral containers: %w", err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "go-node"}}
	if _, err := clients.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return err
	}
	binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: "sub"}, Target: corev1.ObjectReference{Kind: "Node", Name: "go-node"}}
	if err := pods.Bind(ctx, binding, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"go"}}}
	token, err := clients.CoreV1().ServiceAccounts("default").CreateToken(ctx, "default", request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	review, err := clients.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token.Status.Token, Audiences: []string{"go"}},
	}, metav1.CreateOptions{})
	if err != nil || !review.Status.Authenticated || review.Status.User.Username != "system:serviceaccount:default:default" {
		return fmt.Errorf("token review: %v %w", review, err)
	}
	access, err := clients.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods"}},
	}, metav1.CreateOptions{})
	if err != nil || !access.Status.Allowed {
		return fmt.Errorf("access review: %v %w", access, err)
	}
	now := int64(0)
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "sub"}, DeleteOptions: &metav1.DeleteOptions{GracePeriodSeconds: &now}}
	if err := pods.EvictV1(ctx, eviction); err != nil {
		return fmt.Errorf("evict: %w", err)
	}
	return clients.CoreV1().Nodes().Delete(ctx, "go-node", metav1.DeleteOptions{})
}
