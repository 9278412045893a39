"""The form under Share links."""

from django import forms

from inference.services.share_links import DEFAULT_EXPIRY, EXPIRIES, MAX_DRAWINGS


class ShareLinkForm(forms.Form):
    use_required_attribute = True

    label = forms.CharField(
        label="What is it for?",
        max_length=60,
        help_text="Visitors see it above the sheet.",
        widget=forms.TextInput(attrs={"placeholder": "Class 4b", "autocomplete": "off"}),
    )
    expiry = forms.ChoiceField(
        label="Ends after",
        choices=[(key, words) for key, (words, _) in EXPIRIES.items()],
        initial=DEFAULT_EXPIRY,
    )
    max_drawings = forms.IntegerField(
        label="Maximum of drawings",
        required=False,
        min_value=1,
        max_value=MAX_DRAWINGS,
        help_text="Empty: no maximum.",
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
